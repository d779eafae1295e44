#!/usr/bin/env python3
"""Makes expected_logits.json: logits of SmolLM2-135M-Instruct on the first tokens of examples/data/opticks.ids, as
Transformers computes them in float32 from the dequantised GGUF.

    make_expected_logits.py "$(scripts/fetch_model)" examples/data/opticks.ids tests/decoder/expected_logits.json

Needs the PyPI packages torch, transformers, accelerate and gguf. Made with torch 2.15.0 and transformers 5.23.0.
"""

import json
import pathlib
import struct
import sys

import torch
from transformers import AutoModelForCausalLM

TOKENS = 128
POSITIONS = [0, 1, 31, 64, 127]
TOP = 20
FIXED_IDS = list(range(7, 49152, 983))  # 50 ids, evenly spread over the vocabulary


def main() -> None:
    model_file, ids_file, out_file = map(pathlib.Path, sys.argv[1:])
    ids = list(struct.unpack(f"<{TOKENS}H", ids_file.read_bytes()[64:64 + 2 * TOKENS]))
    model = AutoModelForCausalLM.from_pretrained(model_file.parent, gguf_file=model_file.name, dtype=torch.float32)
    model.eval()
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]

    expected = {
        "about": f"Logits of {model_file.name} on the first {TOKENS} ids of {ids_file.name}: by position (from 0) the "
        f"{TOP} largest and those of {len(FIXED_IDS)} fixed ids. Made by make_expected_logits.py.",
        "tokens": TOKENS,
        "positions": [],
    }
    for position in POSITIONS:
        top = torch.topk(logits[position], TOP)
        expected["positions"].append(
            {
                "position": position,
                "top_ids": top.indices.tolist(),
                "top_logits": [float(f"{x:.7g}") for x in top.values.tolist()],
                "fixed_ids": FIXED_IDS,
                "fixed_logits": [float(f"{x:.7g}") for x in logits[position, FIXED_IDS].tolist()],
            }
        )
    out_file.write_text(json.dumps(expected, indent=None, separators=(",", ":")).replace('{"position"', '\n{"position"') + "\n")


if __name__ == "__main__":
    main()
