#!/usr/bin/env python3
"""Writes scores.json: what int8 in one down projection costs the tiny models of ../architectures, by Transformers' own forward pass
in float64 (docs/quantisation.md has the formula).

    /tmp/venv/bin/python tests/data/quantisation/scores.py                        (the versions of ../architectures/README.md)
    /tmp/venv/bin/python tests/data/quantisation/scores.py "$(scripts/fetch_model)"      writes smollm2-135m.json, in minutes

A pseudo-sequence is a batch of 512 sequences of one token: the first with attention, the others with its output set to zero. The
model is run as it is, and once more for each down projection, which is multiplied in int8 then; the states behind its block are
compared. All experts of a mixture are one; each has its own scales.
"""

import json
import pathlib
import sys
from contextlib import ExitStack

import torch
from torch.overrides import TorchFunctionMode
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parent / "architectures"))
from generate import EAGER, KeepFloat64, decoder_blocks, first, mixers_of_tokens

ROWS = 512
CASES = {"llama": [3], "gpt2": [3], "gemma2": [3], "gemma3_text": [3], "opt": [3], "qwen2": [5, 17, 30], "phi": [3], "olmo2": [3],
         "granite": [3], "mixtral": [3], "qwen2_moe": [7, 20, 33], "gpt_oss": [3], "nemotron_h": [3], "gemma3n_text": [3]}
NAMES = ("down_proj", "mlp.c_proj", "fc2", "mlp.dense_4h_to_h")


class Int8(TorchFunctionMode):
    """Products with `weights` are made of whole numbers: one scale a weight, one an input. Keeps what each read, by its place in memory."""

    def __init__(self, weights, quantise):
        super().__init__()
        self.where, self.quantise, self.inputs = {w.data_ptr() for w in weights}, quantise, {}
        self.mixtures = {}

    def rounded(self, x):
        scale = x.abs().max() / 127 if x.abs().max() > 0 else 1
        return torch.round(x / scale) * scale

    def product(self, x, weight, transposed):
        self.inputs[weight.data_ptr()] = x.reshape(-1, x.shape[-1])
        if self.quantise:
            x, weight = self.rounded(x), self.rounded(weight)
        return x @ (weight if transposed else weight.T)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.nn.functional.linear and args[1].data_ptr() in self.where:
            bias = args[2] if len(args) > 2 else kwargs.get("bias")
            y = self.product(args[0], args[1], False)
            return y if bias is None else y + bias
        if function is torch.addmm and args[2].data_ptr() in self.where:
            return self.product(args[1], args[2], True) + args[0]
        if function in (torch.Tensor.matmul, torch.Tensor.__matmul__) and args[1].data_ptr() in self.where:
            return self.product(args[0], args[1], True)
        return function(*args, **kwargs)


class Done(Exception):
    pass


def states(model, ids, mode, until=None):
    """Behind every block up to `until`, [tokens, hidden]. Tells `mode` what mixtures read."""
    found = []
    keep_first = torch.zeros(len(ids), dtype=torch.float64)
    keep_first[0] = 1
    active = getattr(model.config, "altup_active_idx", None)

    def silence(module, args, output):
        on = keep_first.reshape(-1, *[1] * (first(output).dim() - 1))
        return (first(output) * on, *output[1:]) if isinstance(output, tuple) else output * on

    def keep(module, args, output):
        found.append(first(output) if active is None else output[active])
        if len(found) == until:
            raise Done

    with ExitStack() as hooks:
        for block in decoder_blocks(model):
            for mixer in mixers_of_tokens(block):
                hooks.callback(mixer.register_forward_hook(silence).remove)
            hooks.callback(block.register_forward_hook(keep).remove)
            for name, module in block.named_modules():
                if isinstance(getattr(module, "down_proj", None), torch.nn.Parameter):
                    hooks.callback(module.register_forward_pre_hook(
                        lambda module, args: mode.mixtures.__setitem__(module.down_proj.data_ptr(), args[0])).remove)
        hooks.enter_context(KeepFloat64())
        hooks.enter_context(mode)
        with torch.no_grad():
            try:
                model(input_ids=torch.tensor(ids)[:, None], use_cache=False)
            except Done:
                pass
    return [state.reshape(len(ids), -1) for state in found]


def projections(model):
    """(block from 1, role, weights, of experts what else reads the same)."""
    for number, block in enumerate(decoder_blocks(model), 1):
        shared, plain = [], []
        for name, parameter in block.named_parameters():
            stem = name.removesuffix(".weight")
            if name.endswith("bias") or not stem.endswith(NAMES):
                continue
            if parameter.dim() == 3:
                (other,) = (p for n, p in block.named_parameters()
                            if n.startswith(name.removesuffix("down_proj")) and n != name and p.dim() == 3)
                yield number, "down_weight", list(parameter), list(other)
            else:
                (shared if "shared" in name else plain).append(parameter)
        if plain:
            yield number, "down_weight", plain, []
        if shared:
            yield number, "shared_down_weight", shared, []


def figures(x, first_row):
    """Of what a matrix reads, whose row `first_row` is the first token's; None: that is not there."""
    others = x if first_row is None else torch.cat([x[:first_row], x[first_row + 1:]])
    return {"first_peak": 0 if first_row is None else x[first_row].abs().max().item(), "others_peak": others.abs().max().item(),
            "typical": others.square().mean(1).sqrt().quantile(0.5).item()}


def of_experts(mode, weights, others):
    """Of the expert with the largest ratio. The first token is found by what the expert reads of it."""
    token = mode.mixtures[weights[0].data_ptr()].reshape(ROWS, -1)[0]
    found = []
    for expert, (weight, other) in enumerate(zip(weights, others)):
        if weight.data_ptr() in mode.inputs:
            rows = (mode.inputs[other.data_ptr()] == token).all(1).nonzero().flatten().tolist()
            found.append({"expert": expert} | figures(mode.inputs[weight.data_ptr()], rows[0] if rows else None))
    return max(found, key=lambda one: max(one["first_peak"], one["others_peak"]) / one["typical"])


def scores(model, token):
    """Of each of its projections, and what these read."""
    vocabulary = model.get_input_embeddings().num_embeddings
    ids = [token] + [i * vocabulary // (ROWS - 1) for i in range(ROWS - 1)]
    every = list(projections(model))
    plain = Int8([weight for _, _, weights, others in every for weight in weights + others], False)
    clean = states(model, ids, plain)
    for block, _, weights, others in every:
        noisy = states(model, ids, Int8(weights, True), until=block)[-1]
        power = clean[block - 1].square().sum(1)
        ordinary = power < 100 * power[1:].quantile(0.5)
        ordinary[0] = False
        noise = ((noisy - clean[block - 1]).square().sum(1) / power)[ordinary].quantile(0.5).item()
        if others:
            yield {"score": noise} | of_experts(plain, weights, others)
        else:
            yield {"score": noise, "expert": -1} | figures(plain.inputs[weights[0].data_ptr()], 0)


def scored(model, tokens):
    """By each of these first tokens; of each projection what the middle score is of."""
    every = [{"block": block, "role": role, "experts": len(others)}
             for block, role, weights, others in projections(model)]
    for one, *runs in zip(every, *(scores(model, token) for token in tokens)):
        one |= sorted(runs, key=lambda run: run["score"])[(len(runs) - 1) // 2]
    print(*(f"{one['block']}:{one['score']:.2e}" for one in every))
    return {"first_token_ids": tokens, "projections": every}


def load(where, **options):
    return AutoModelForCausalLM.from_pretrained(where, **EAGER, **options).eval().double()


def write(name, what):
    (HERE / name).write_text(json.dumps(what, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        file = pathlib.Path(sys.argv[1])
        write("smollm2-135m.json", scored(load(file.parent, gguf_file=file.name), [1]))
    else:
        write("scores.json", {case: scored(load(HERE.parent / "architectures" / case), tokens) for case, tokens in CASES.items()})
