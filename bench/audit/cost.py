#!/usr/bin/env python3
"""What an audit costs beside what it cannot do without: reading both models, and the products of the tests that decide. Prints
bench/audit/cost.md.

    python3 -m venv VENV && VENV/bin/pip install torch==2.15.0 transformers==5.24.0 accelerate safetensors gguf
    VENV/bin/python bench/audit/cost.py build/release/bin/azimuth "$(scripts/fetch_model)"

The model in the GGUF file is written as float32 and audited against itself, by the default tests. Seconds of CPU, user and system,
the least of several runs; products by PyTorch and by NumPy, each on one thread, of which the faster counts: either is slow on
processors of some maker. About 540 MB in the temporary folder, and half a minute.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # read where NumPy is imported

import torch
from models import Model
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

# Of the base; of each matrix; as they are and after the map, but of up rows after the map alone.
PLACES, ROWS, VIEWS = 3, 256, 2
POLAR = 50  # products of a polar factor, in cubes of the hidden size / 2 operations each


def cpu(which=resource.RUSAGE_SELF):
    usage = resource.getrusage(which)
    return usage.ru_utime + usage.ru_stime


def least(times, work):
    seconds = []
    for _ in range(times):
        begun = cpu()
        work()
        seconds.append(cpu() - begun)
    return min(seconds)


class Audited:
    def __init__(self, program, folder, times, *options):
        command = [program, "audit", "--base", folder, "--release", folder, "--format", "json", *options]
        self.seconds = []
        for _ in range(times):
            begun = cpu(resource.RUSAGE_CHILDREN)
            out = subprocess.run(command, capture_output=True, check=True, text=True).stdout
            self.seconds.append(cpu(resource.RUSAGE_CHILDREN) - begun)
        self.result = json.loads(out)
        self.megabytes = self.anonymous(command)

    @staticmethod
    def anonymous(command):
        """The most memory that is not a mapped file, looked at every millisecond."""
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        most = 0
        while running.poll() is None:
            try:
                for line in Path(f"/proc/{running.pid}/status").read_text(encoding="utf-8").splitlines():
                    if line.startswith("RssAnon:"):
                        most = max(most, int(line.split()[1]))
            except OSError:
                break
            try:
                running.wait(0.001)
            except subprocess.TimeoutExpired:
                pass
        assert running.wait() == 0
        return most / 1024


def sum_of(file):
    with open(file, "rb") as stream:
        while piece := stream.read(1 << 22):
            torch.frombuffer(bytearray(piece[:len(piece) // 8 * 8]), dtype=torch.int64).sum()


def digest_of(file):
    with open(file, "rb") as stream:
        hashlib.file_digest(stream, "sha256")


def products(model, tokens, matrix):
    """Of `tokens` embeddings with each other for the map, of the map's polar factor, and of each matrix that is compared with the
    rows of the base. `matrix` makes one of a tensor."""
    width = model.width
    embeddings, square = matrix(torch.randn(width, tokens)), matrix(torch.randn(width, width))
    rows = matrix(torch.randn(width, PLACES * VIEWS * ROWS))
    values = matrix(torch.randn(width, PLACES * VIEWS * min(ROWS, len(model.t["0.v"]))))

    def work():
        embeddings @ embeddings.T
        for _ in range(POLAR // 2):
            square @ square
        for block in model.blocks():
            matrix(model.t[f"{block}.0.gate"]) @ rows
            matrix(model.t[f"{block}.0.up"]) @ rows[:, :PLACES * ROWS]
            matrix(model.t[f"{block}.v"]) @ values
    return work


def processor():
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
             if line.startswith("model name")]
    return names[0] if names else "a processor without a name"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    gguf = options.gguf
    module = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    model = Model.of(module)
    model.config.pop("quantization_config", None)
    del module
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model.write(folder, AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).backend_tokenizer)
        file = folder / "model.safetensors"
        audit = Audited(options.program, folder, options.times)
        thorough = Audited(options.program, folder, options.times, "--thorough")
        reading = 2 * least(options.times, lambda: sum_of(file))
        hashing = 2 * least(options.times, lambda: digest_of(file))
        tokens = int(audit.result["embeddings"]["fitted_tokens"])
        by_torch = least(options.times, products(model, tokens, lambda tensor: tensor))
        by_numpy = least(options.times, products(model, tokens, torch.Tensor.numpy))
        size = file.stat().st_size / 2**20
    block = sum(tensor.numel() for role, tensor in model.t.items() if role.startswith("0.")) * 4 / 2**20
    spent = min(audit.seconds)
    multiplying = min(by_torch, by_numpy)
    print(f"# Cost of an audit\n\n`bench/audit/cost.py` printed this: {gguf.stem} as float32, {size:.0f} MiB, against itself, on "
          f"{processor()}.\n\n"
          "| | CPU seconds |\n| --- | --- |\n"
          f"| `azimuth audit` | {spent:.2f} |\n| with `--thorough` | {min(thorough.seconds):.2f} |\n"
          f"| SHA-256 of both files | {hashing:.2f} |\n| sums of both files' numbers | {reading:.2f} |\n"
          f"| the products, by PyTorch | {by_torch:.2f} |\n| the products, by NumPy | {by_numpy:.2f} |\n\n"
          f"The audit takes **{spent / (hashing + multiplying):.2f}** times SHA-256 of both and the products (the digests are part of "
          f"what it says), {spent / (reading + multiplying):.2f} times reading both and the products.\n\n"
          f"Memory beside mapped files: {audit.megabytes:.0f} MiB, with `--thorough` {thorough.megabytes:.0f}; three blocks in float32 "
          f"are {3 * block:.0f} MiB. Of the base {len(audit.result['shares'])} FFNs were looked at.")
    print(f"{[round(s, 2) for s in audit.seconds]}", file=sys.stderr)


if __name__ == "__main__":
    main()
