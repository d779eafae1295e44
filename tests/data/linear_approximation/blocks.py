#!/usr/bin/env python3
"""Writes blocks.json: the linear approximation of blocks with experts, gates, sinks and latent attention, held at one
token, from Transformers' own modules and what they say while that token goes through them.

    /tmp/venv/bin/python tests/data/linear_approximation/blocks.py

with the environment of ../architectures. What is held comes from hooks: which experts a token is sent to and with which
shares, how far gates are open, what attention's sinks leave, what a norm divides by. FFNs are fitted on a grid.
"""

import json
import math
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
ARCHITECTURES = HERE.parent / "architectures"
sys.path.append(str(ARCHITECTURES))
from generate import EAGER, KeepFloat64, decoder_blocks, first

TOKEN = 1  # of the case's ids
CASES = ["deepseek_v3", "gpt_oss_other", "olmoe", "qwen2_moe", "qwen3_5_text"]


def watch(model, token_id):
    """By name of a module, what it read and wrote of the one token."""
    seen, handles = {}, []
    for name, module in model.named_modules():
        note = lambda module, args, kwargs, output, name=name: seen.__setitem__(name, (args, kwargs, output))
        handles.append(module.register_forward_hook(note, with_kwargs=True))
    with torch.no_grad(), KeepFloat64():
        model(input_ids=torch.tensor([[token_id]]), use_cache=False)
    for handle in handles:
        handle.remove()
    return seen


def grid(reach=9.0, step=0.01):
    t = torch.arange(-reach + step / 2, reach, step, dtype=torch.float64)
    return t, step * torch.exp(-t**2 / 2) / math.sqrt(2 * math.pi)


def fit(inner, gate, up, gate_bias, up_bias):
    """Rows of E[inner(G z + b, U z + c) zᵀ] over z ~ N(0, I): a number of inner goes by its own row of both."""
    t, t_weight = grid(step=0.02)
    w, w_weight = grid(step=0.02)
    rows = []
    for g, u, b, c in zip(gate, up, gate_bias, up_bias):
        along = g / g.norm()
        rest = u - (u @ along) * along
        y = inner(b + g.norm() * t[:, None], c + (u @ along) * t[:, None] + rest.norm() * w[None, :])
        weighted = y * t_weight[:, None] * w_weight[None, :]
        rows.append((weighted * t[:, None]).sum() * along + (weighted * w[None, :]).sum() * rest / rest.norm())
    return torch.stack(rows)


def attention_matrix(block, seen, name):
    attention, kept = block.self_attn, seen[name]
    if hasattr(attention, "kv_a_layernorm"):
        _, _, normed = seen[name + ".kv_a_layernorm"]
        latent = seen[name + ".kv_a_layernorm"][0][0].flatten()
        weight = attention.kv_a_layernorm.weight.double()
        scale = (normed.flatten() / weight / latent).mean()
        values = attention.kv_b_proj.weight.view(
            attention.num_heads, attention.qk_nope_head_dim + attention.v_head_dim, -1)
        values = values[:, attention.qk_nope_head_dim:].flatten(0, 1)
        rank = weight.numel()
        latent_matrix = attention.kv_a_proj_with_mqa.weight[:rank]
        return attention.o_proj.weight @ values @ torch.diag(scale * weight) @ latent_matrix
    size = attention.head_dim
    values = attention.v_proj.weight.view(-1, size, attention.v_proj.weight.shape[1])
    values = values.repeat_interleave(attention.num_key_value_groups, dim=0)
    factors = torch.ones(values.shape[:2], dtype=torch.float64)
    if hasattr(attention, "sinks"):
        factors = factors * kept[2][1].flatten()[:, None]
    if attention.q_proj.weight.shape[0] == 2 * values.shape[0] * size:
        gate = seen[name + ".q_proj"][2].view(values.shape[0], 2 * size)[:, size:]
        factors = factors * torch.sigmoid(gate)
    return attention.o_proj.weight @ (factors[..., None] * values).flatten(0, 1)


def ffn_matrix(ffn):
    """Of a plain gated FFN."""
    inner = lambda a, b: ffn.act_fn(a) * b
    none = torch.zeros(ffn.gate_proj.weight.shape[0], dtype=torch.float64)
    return ffn.down_proj.weight @ fit(inner, ffn.gate_proj.weight, ffn.up_proj.weight, none, none)


def mixture_matrix(ffn, seen, name):
    """And the experts, ascending."""
    (_, indices, shares), _, _ = seen[name + ".experts"]
    indices, shares = indices.flatten().tolist(), shares.flatten().tolist()
    experts = ffn.experts
    total = 0
    for expert, share in zip(indices, shares):
        if hasattr(experts, "gate_up_proj_bias"):  # GPT-OSS: transposed, by turns
            both, bias = experts.gate_up_proj[expert].T, experts.gate_up_proj_bias[expert]
            rows = (both[::2], both[1::2], bias[::2], bias[1::2])
            inner = lambda a, b: experts._apply_gate(torch.stack([a.expand_as(b), b], -1).flatten(-2))
            total = total + share * experts.down_proj[expert].T @ fit(inner, *rows)
        else:
            gate, up = experts.gate_up_proj[expert].chunk(2)
            none = torch.zeros(len(gate), dtype=torch.float64)
            inner = lambda a, b: experts.act_fn(a) * b
            total = total + share * experts.down_proj[expert] @ fit(inner, gate, up, none, none)
    if hasattr(ffn, "shared_experts"):
        total = total + ffn_matrix(ffn.shared_experts)
    if hasattr(ffn, "shared_expert"):
        total = total + torch.sigmoid(seen[name + ".shared_expert_gate"][2]).item() * ffn_matrix(ffn.shared_expert)
    return total, sorted(indices)


def norm_matrix(norm):
    """diag(w): what the norm makes of a vector of ones is w, but for its epsilon."""
    ones = torch.ones(norm.weight.numel(), dtype=torch.float64)
    with KeepFloat64():
        return torch.diag(norm(ones) * math.sqrt(1 + getattr(norm, "variance_epsilon", getattr(norm, "eps", None))))


def main():
    result = {}
    for case in CASES:
        model = AutoModelForCausalLM.from_pretrained(ARCHITECTURES / case, dtype=torch.float64, **EAGER).eval()
        expected = json.loads((ARCHITECTURES / case / "hidden_states.json").read_text())
        names = {module: name for name, module in model.named_modules()}
        seen = watch(model, expected["token_ids"][TOKEN])
        blocks = []
        for number, block in enumerate(decoder_blocks(model), 1):
            if not hasattr(block, "self_attn"):
                continue
            name = names[block]
            (before, *_), _, after = seen[name]
            before, after = before.flatten(), first(after).flatten()
            size = len(before)
            u = torch.cos(torch.linspace(-1, 2, size, dtype=torch.float64))
            u = (u / u.norm()).float().double()
            u = u / u.norm()
            with torch.no_grad():
                A = attention_matrix(block, seen, name + ".self_attn")
                experts = []
                if hasattr(block.mlp, "experts"):
                    F, experts = mixture_matrix(block.mlp, seen, name + ".mlp")
                else:
                    F = ffn_matrix(block.mlp)
                first_norm, second_norm = block.input_layernorm, block.post_attention_layernorm
                one = torch.eye(size, dtype=torch.float64)
                L = (one + F @ norm_matrix(second_norm)) @ (one + A @ norm_matrix(first_norm))
                with KeepFloat64():
                    linear = before + A @ first_norm(before)
                    linear = linear + F @ second_norm(linear)
            blocks.append({
                "block": number,
                "experts": experts,
                "sigma": torch.linalg.svdvals(L)[:2].tolist(),
                "rayleigh": (u @ L @ u - 1).item(),
                "gain_error": ((u @ (linear - after)) / (u @ before)).item(),
            })
        result[case] = blocks
        print(case, *blocks, sep="\n  ")
    (HERE / "blocks.json").write_text(json.dumps({"token": TOKEN, "cases": result}, indent=1) + "\n")


main()
