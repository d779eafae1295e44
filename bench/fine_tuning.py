#!/usr/bin/env python3
"""How far the high-norm direction turns in ordinary fine-tunings: SmolLM2-135M, on a book that it may know, by method,
learning rate and steps. Prints a table in Markdown; docs/fine-tuning.md has it.

    python3 -m venv VENV && VENV/bin/pip install torch==2.15.0 transformers==5.24.0 peft==0.21.2 gguf safetensors
    VENV/bin/python bench/fine_tuning.py "$(scripts/fetch_model)" examples/data/opticks.ids build/release/bin/azimuth

Trains with PyTorch, Transformers and PEFT, none of Azimuth's code; the angles are those of `azimuth compare`.
"""

import argparse
import json
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

TOKENS = 128  # of a step: one window
HELD_OUT = 8  # windows at the end of the text
SAVED = (4, 16, 64)  # steps
RUNS = (("full", 1e-5), ("full", 1e-4), ("full", 1e-3), ("LoRA, r = 16", 2e-4))


def windows(ids):
    ids = torch.from_numpy(numpy.fromfile(ids, dtype="<u2", offset=64).astype(numpy.int64))
    return ids[: len(ids) // TOKENS * TOKENS].view(-1, TOKENS)


@torch.no_grad()
def loss_of(model, text):
    return sum(model(input_ids=row[None], labels=row[None]).loss.item() for row in text) / len(text)


def angle(azimuth, base, *tuned):
    """Degrees from the base to the fine-tuning, and what the method cannot resolve."""
    run = subprocess.run([azimuth, "compare", base, *tuned, "--format", "json"], check=True, capture_output=True,
                         text=True)
    result = json.loads(run.stdout)
    return float(result["degrees"][1]), float(result["noise_floor_degrees"][1])


def save_dequantised(gguf, folder):
    """As float32: Transformers has the numbers so, but does not save what it takes for a quantised model."""
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    model.hf_quantizer = None
    del model.config.quantization_config
    model.save_pretrained(folder)


def fine_tune(base, method, rate, train, held_out, azimuth):
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if method != "full":
        model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear"))
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=rate)
    warm_up = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=5)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(1))
    for step in range(1, SAVED[-1] + 1):
        batch = train[order[step % len(train)]][None]
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        warm_up.step()
        if step not in SAVED:
            continue
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            tuned = [folder] if method == "full" else [base, "--adapter", folder]
            degrees, floor = angle(azimuth, base, *tuned)
        print(f"| {method} | {rate:g} | {step} | {loss_of(model, held_out):.2f} | {degrees:.3f}° | {floor:.0e}° |",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=Path, help="SmolLM2-135M, as scripts/fetch_model fetches it")
    parser.add_argument("ids", type=Path, help="text: token ids of SmolLM2 (docs/token-ids.md)")
    parser.add_argument("azimuth", type=Path, help="the program")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    text = windows(options.ids)
    train, held_out = text[:-HELD_OUT], text[-HELD_OUT:]
    with tempfile.TemporaryDirectory() as base:
        save_dequantised(options.gguf, base)
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        print(f"Loss on {HELD_OUT} windows of {TOKENS} tokens that no training saw, before: "
              f"{loss_of(model, held_out):.2f}\n")
        print("| method | learning rate | steps | loss held out | angle to the base | noise floor |\n"
              "| --- | --- | --- | --- | --- | --- |", flush=True)
        for method, rate in RUNS:
            fine_tune(base, method, rate, train, held_out, options.azimuth)


if __name__ == "__main__":
    main()
