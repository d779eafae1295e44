#!/usr/bin/env python3
"""Makes quantised.json: losses and logits of tiny models whose blocks are rounded as docs/quantisation.md says, by plain PyTorch
over Transformers' own forward pass, in float64 with sums of whole numbers in int64.

    make_quantised.py tests/data/architectures tests/text/quantised.json

Needs the PyPI packages torch and transformers. Made with torch 2.15.0 and transformers 5.24.0.
"""

import json
import random
import sys
import zlib
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers

MODELS = ["gemma2", "gpt2", "llama_biases", "olmo2", "phi", "qwen3", "qwen3_moe"]
TOKENS, SEQUENCES = 16, 2
KEPT_BLOCKS = [2]
ORDER = [3, 1, 2]  # in which down projections of the last model are kept, one more at a time
ROLES = {"q_proj": "q", "k_proj": "k", "v_proj": "v", "o_proj": "o", "gate_proj": "gate", "up_proj": "up", "down_proj": "down",
         "dense": "o", "fc1": "up", "fc2": "down", "attn.c_proj": "o", "mlp.c_fc": "up", "mlp.c_proj": "down"}
NORM_OF = dict(q="attention", k="attention", v="attention", gate="ffn", up="ffn", router="ffn")


def scale_of(x, largest):
    peak = x.abs().max().item()
    return peak / largest if peak > 0 else 1.0


class Map:
    def __init__(self, block, role, weight):
        self.block, self.role, self.weight = block, role, weight
        self.norm = (block, NORM_OF[role]) if role in NORM_OF else None

    def prepare(self, bits, per_channel, smooth):
        largest = 127 if bits == 8 else 7
        weight = self.weight if smooth is None else self.weight * smooth
        self.smooth = smooth
        if per_channel:
            self.scale = torch.tensor([scale_of(row, largest) for row in weight], dtype=torch.float64)
        else:
            self.scale = torch.full((len(weight),), scale_of(weight, largest), dtype=torch.float64)
        self.levels = torch.round(weight / self.scale[:, None]).long()

    def product(self, x):
        if self.smooth is not None:
            x = x / self.smooth
        scale = scale_of(x, 127)
        return (torch.round(x / scale).long() @ self.levels.T).double() * scale * self.scale


class Quantised:
    """All linear maps in the blocks of a model. Those that Transformers has fused are taken apart."""

    def __init__(self, folder, norms_in_front):
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float64, attn_implementation="eager", experts_implementation="eager").eval()
        base = self.model.base_model
        self.maps, self.by_address, self.state = [], {}, "float"
        for i, block in enumerate(base.layers if hasattr(base, "layers") else base.h):
            for name, module in list(block.named_modules()):
                if type(module).__name__ == "Conv1D":
                    linear = torch.nn.Linear(*module.weight.shape, dtype=torch.float64)
                    linear.weight.data, linear.bias.data = module.weight.data.T.contiguous(), module.bias.data
                    block.set_submodule(name, linear)
            for name, module in block.named_modules():
                if name.endswith("c_attn"):
                    self.add(module.weight, [(i + 1, role) for role in "qkv"])
                elif isinstance(module, torch.nn.Linear):
                    role = next(role for end, role in ROLES.items() if name.endswith(end))
                    self.add(module.weight, [(i + 1, role)])
                elif type(module).__name__.endswith("Router"):
                    self.add(module.weight, [(i + 1, "router")])
                elif type(module).__name__.endswith("Experts"):
                    for expert in range(module.num_experts):
                        self.add(module.gate_up_proj[expert], [(i + 1, "gate"), (i + 1, "up")])
                        self.add(module.down_proj[expert], [(i + 1, "down")])
        if not norms_in_front:
            for m in self.maps:
                m.norm = None
        self.plain = F.linear
        F.linear = self.linear

    def add(self, weight, places):
        parts = [Map(*place, rows) for place, rows in zip(places, weight.detach().chunk(len(places)))]
        self.by_address[weight.data_ptr()] = parts
        self.maps += parts

    def linear(self, x, weight, bias=None):
        parts = self.by_address.get(weight.data_ptr())
        if parts is None or self.state == "float":
            return self.plain(x, weight, bias)
        rows = x.reshape(-1, x.shape[-1])
        if self.state == "peaks":
            for part in parts:
                if part.norm is not None:
                    self.peaks[part.norm] = torch.maximum(self.peaks.get(part.norm, torch.zeros(())), rows.abs().amax(0))
            return self.plain(x, weight, bias)
        kept = [part.role == "down" and part.block in self.kept for part in parts]
        y = torch.cat([self.plain(rows, part.weight) if keep else part.product(rows) for part, keep in zip(parts, kept)], -1)
        return (y if bias is None else y + bias).reshape(*x.shape[:-1], -1)

    def smoothing(self, ids):
        self.state, self.peaks = "peaks", {}
        for sequence in ids:
            self.model(input_ids=torch.tensor([sequence]), use_cache=False)
        vectors = {}
        for norm, peak in self.peaks.items():
            weight = torch.stack([m.weight.abs().amax(0) for m in self.maps if m.norm == norm]).amax(0)
            vectors[norm] = (peak.clamp(min=1e-5) ** 0.5 / weight.clamp(min=1e-5) ** 0.5).clamp(min=1e-5)
        return vectors

    def measure(self, ids, kept=(), bits=8, per_channel=False, smoothing={}, quantise=True):
        self.state, self.kept = "rounded" if quantise else "float", kept
        for m in self.maps:
            m.prepare(bits, per_channel, smoothing.get(m.norm))
        losses = []
        for sequence in ids:
            logits = self.model(input_ids=torch.tensor([sequence]), use_cache=False).logits[0]
            losses.append(F.cross_entropy(logits[:-1], torch.tensor(sequence[1:]), reduction="sum").item())
            last = logits[-1].tolist()
        short = lambda numbers: [float(f"{x:.8g}") for x in numbers]
        return dict(losses=short(losses), last_logits=short(last))


def plant(model):
    """Puts into two down projections a number beside which all others are rounded to 0, for an input that is 0: in float nothing
    changes. The model is made sure of what it says; gives text as it says it."""
    model.model.lm_head.weight.data *= 8
    for m in model.maps:
        if m.block > 1 and m.role == "up":
            m.weight[7] = 0
        if m.block > 1 and m.role == "down":
            m.weight[:, 7] = 1e4
    ids = torch.arange(4, 8)[:, None]
    while ids.shape[1] < TOKENS:
        ids = torch.cat([ids, model.model(input_ids=ids, use_cache=False).logits[:, -1:].argmax(-1)], 1)
    return ids.tolist()


def all_in_float64():
    """Transformers computes norms and softmax in float32, which is enough to round a number here and there the other way."""
    to_float32, softmax = torch.Tensor.float, F.softmax
    torch.Tensor.float = lambda x: x if x.dtype == torch.float64 else to_float32(x)
    F.softmax = lambda x, dim=-1, dtype=None: softmax(x, dim=dim)
    to = torch.Tensor.to
    torch.Tensor.to = lambda x, *args, **more: x if x.dtype == torch.float64 and args == (torch.float32,) else to(x, *args, **more)


@torch.no_grad()
def main():
    all_in_float64()
    models, out = map(Path, sys.argv[1:])
    cases = {}
    for name in MODELS:
        draw = random.Random(zlib.crc32(name.encode()))
        ids, other = ([draw.choices(range(37), k=TOKENS) for _ in range(SEQUENCES)] for _ in range(2))
        plain = F.linear
        model = Quantised(models / name, norms_in_front=name != "olmo2")
        smoothing = model.smoothing(other)
        cases[name] = dict(
            ids=ids, calibration=other, norms=len(smoothing), results={
                "float": model.measure(ids, quantise=False),
                "rounded": model.measure(ids),
                "kept": model.measure(ids, kept=KEPT_BLOCKS),
                "four bits": model.measure(ids, bits=4),
                "per channel": model.measure(ids, per_channel=True),
                "smooth": model.measure(ids, smoothing=smoothing),
                "smooth kept": model.measure(ids, smoothing=smoothing, kept=KEPT_BLOCKS)})
        F.linear = plain
        print(name, {key: result["losses"] for key, result in cases[name]["results"].items()})
    plain = F.linear
    model = Quantised(models / "qwen3", norms_in_front=True)
    ids = plant(model)
    cases["planted"] = dict(ids=ids, order=ORDER, results={
        "float": model.measure(ids, quantise=False), "rounded": model.measure(ids),
        **{f"kept {n}": model.measure(ids, kept=ORDER[:n]) for n in range(1, len(ORDER) + 1)}})
    F.linear = plain
    text = ",\n".join(f'"{key}": {json.dumps(value)}' for key, value in cases.items())
    out.write_text("{" + text.replace('{"losses"', '\n  {"losses"') + "}\n")


if __name__ == "__main__":
    main()
