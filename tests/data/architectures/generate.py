#!/usr/bin/env python3
"""Writes the tiny models of this folder and what Transformers itself computes with them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch==2.15.0 transformers==5.24.0
    /tmp/venv/bin/python tests/data/architectures/generate.py [CASE ...]

Every case is a random model (biases and norm weights too) made, saved and read back by Transformers, with
the norms of its residual stream for sequences of one token, from its own forward pass in float64. Seeded
case by case: the same versions write the same files. README.md says what stands in them.
"""

import inspect
import json
import pathlib
import shutil
import sys
import zlib
from contextlib import ExitStack

import torch
import transformers
from torch.overrides import TorchFunctionMode
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

HERE = pathlib.Path(__file__).parent
FUSED = HERE.parent / "fused_experts"
VOCABULARY = 37
# Large enough that a pass which reads another epsilon than the model's shows.
EPSILON = 3e-3

TOKENS = dict(vocab_size=VOCABULARY, bos_token_id=1, eos_token_id=2, pad_token_id=0)
DECODER = dict(TOKENS, hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4,
               num_key_value_heads=2, max_position_embeddings=16)
RMS = dict(DECODER, rms_norm_eps=EPSILON)
# A quarter of a head is rotated, and must be even.
ROTARY = dict(DECODER, hidden_size=32, layer_norm_eps=EPSILON)
GEMMA = dict(RMS, head_dim=10, query_pre_attn_scalar=8, sliding_window=8)
NEOX = dict(TOKENS, hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=3,
            layer_norm_eps=EPSILON, max_position_embeddings=16)
FALCON = dict(TOKENS, hidden_size=24, num_hidden_layers=3, num_attention_heads=4, ffn_hidden_size=44,
              layer_norm_epsilon=EPSILON, max_position_embeddings=16)
GEMMA3_TEXT = dict(GEMMA, layer_types=["sliding_attention", "full_attention", "sliding_attention"])

# Towers that no text passes.
VISION = dict(hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, image_size=4,
              patch_size=4)
QWEN_VISION = dict(depth=1, hidden_size=8, num_heads=2, intermediate_size=12, out_hidden_size=24,
                   patch_size=2, temporal_patch_size=1)
MROPE = dict(rope_type="default", rope_theta=1e4, mrope_section=[1, 1, 1])

# Name of the folder: model_type and configuration.
CASES = {
    "llama": ("llama", dict(RMS, num_hidden_layers=4, head_dim=8)),
    "llama_biases": ("llama", dict(RMS, attention_bias=True, mlp_bias=True, eos_token_id=[2, 5])),
    "mistral": ("mistral", dict(RMS, head_dim=8, sliding_window=8)),
    "qwen2": ("qwen2", RMS),
    "qwen3": ("qwen3", dict(RMS, head_dim=10, attention_bias=True)),
    "gemma2": ("gemma2", dict(GEMMA, num_hidden_layers=4)),
    "gemma3_text": ("gemma3_text", GEMMA3_TEXT),
    "gemma3": ("gemma3", dict(
        text_config=GEMMA3_TEXT, mm_tokens_per_image=1, boi_token_index=33, eoi_token_index=34, image_token_index=35,
        vision_config=VISION)),
    "llava": ("llava", dict(text_config=dict(RMS, model_type="llama", num_hidden_layers=2),
                            vision_config=dict(VISION, model_type="clip_vision_model"))),
    "mistral3": ("mistral3", dict(text_config=dict(RMS, model_type="mistral", num_hidden_layers=2, head_dim=8),
                                  vision_config=dict(VISION, model_type="pixtral", head_dim=4))),
    "qwen2_5_vl": ("qwen2_5_vl", dict(text_config=dict(RMS, num_hidden_layers=2, rope_parameters=MROPE),
                                      vision_config=QWEN_VISION)),
    "qwen3_vl": ("qwen3_vl", dict(text_config=dict(RMS, num_hidden_layers=2, head_dim=6, rope_parameters=MROPE),
                                  vision_config=dict(QWEN_VISION, num_position_embeddings=4, deepstack_visual_indexes=[0]))),
    "phi": ("phi", dict(ROTARY, qk_layernorm=True)),
    "phi3": ("phi3", dict(RMS, original_max_position_embeddings=16)),
    "gpt2": ("gpt2", dict(TOKENS, n_embd=24, n_inner=40, n_layer=4, n_head=4, n_positions=16,
                          layer_norm_epsilon=EPSILON)),
    "gpt_neox_parallel": ("gpt_neox", dict(NEOX, num_hidden_layers=4)),
    "gpt_neox_sequential": ("gpt_neox", dict(NEOX, use_parallel_residual=False, hidden_act="gelu_new")),
    "mpt": ("mpt", dict(TOKENS, d_model=24, n_heads=4, n_layers=3, max_seq_len=16, layer_norm_epsilon=EPSILON,
                        attn_config=dict(clip_qkv=1.25))),
    "opt": ("opt", dict(TOKENS, hidden_size=24, word_embed_proj_dim=24, ffn_dim=44, num_hidden_layers=3,
                        num_attention_heads=4, max_position_embeddings=16, do_layer_norm_before=True)),
    "falcon_7b": ("falcon", dict(FALCON, multi_query=True, parallel_attn=True)),
    "falcon_40b": ("falcon", dict(FALCON, new_decoder_architecture=True, num_kv_heads=2)),
    "falcon_11b": ("falcon", dict(FALCON, new_decoder_architecture=True, num_kv_heads=2, num_ln_in_parallel_attn=1)),
    "falcon_rw": ("falcon", dict(FALCON, multi_query=False, parallel_attn=False, alibi=True, bias=True)),
    "bloom": ("bloom", dict(TOKENS, hidden_size=24, n_layer=3, n_head=4, layer_norm_epsilon=EPSILON)),
    "olmo2": ("olmo2", RMS),
    "starcoder2": ("starcoder2", dict(DECODER, use_bias=True, norm_epsilon=EPSILON, sliding_window=8)),
    "stablelm_sequential": ("stablelm", dict(ROTARY, use_qkv_bias=True, qk_layernorm=True)),
    "stablelm_parallel": ("stablelm", dict(ROTARY, use_parallel_residual=True)),
    "mixtral": ("mixtral", dict(RMS, intermediate_size=20, num_local_experts=4, num_experts_per_tok=2)),
}
# Plain PyTorch, in float64 too.
EAGER = dict(attn_implementation="eager", experts_implementation="eager")

STORED_AS = {"qwen2": torch.bfloat16, "phi": torch.float16}  # float32 elsewhere
SHARDED = {"olmo2": "30KB"}

# Where the FFN writes a defect in, and removes it: names of modules inside a block.
PLANTED_FFN = {
    "llama": dict(out="self_attn.o_proj", gate="mlp.gate_proj", up="mlp.up_proj", down="mlp.down_proj"),
    "gpt2": dict(out="attn.c_proj", up="mlp.c_fc", down="mlp.c_proj"),
    "gpt_neox_parallel": dict(out="attention.dense", up="mlp.dense_h_to_4h", down="mlp.dense_4h_to_h"),
}
PLANTED_ATTENTION = {"gemma2"}
EXPLODES_AT, DECAYS_AT = 2, 4
PLANTED_SIZE = 600.0


class KeepFloat64(TorchFunctionMode):
    """Models that widen to float32 inside (RMS norms, softmax) would narrow a float64 pass: they stay in float64."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.float:
            return args[0].double()
        widen = lambda x: torch.float64 if x is torch.float32 else x
        return function(*map(widen, args), **{key: widen(value) for key, value in (kwargs or {}).items()})


def decoder_blocks(model):
    return next(child for child in model.get_decoder().children() if isinstance(child, torch.nn.ModuleList))


def first(output):
    return output[0] if isinstance(output, tuple) else output


def silence(module, args, kwargs, output):
    """Attention's output becomes zero, bias included; BLOOM's adds the residual itself, which stays."""
    bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
    silent = bound["residual"] if "residual" in bound else torch.zeros_like(first(output))
    return (silent, *output[1:]) if isinstance(output, tuple) else silent


def one_token_pass(model, token_ids, zero_attention=False, inputs_of=()):
    """The residual stream before block 1 and after every block, [blocks + 1, tokens, hidden], and what `inputs_of`
    (modules) read, [tokens, size] each."""
    blocks = decoder_blocks(model)
    states, inputs = [], {}
    with ExitStack() as hooks:
        hook = lambda handle: hooks.callback(handle.remove)
        hook(blocks[0].register_forward_pre_hook(
            lambda _, args, kwargs: states.append(args[0] if args else kwargs["hidden_states"]), with_kwargs=True))
        for block in blocks:
            hook(block.register_forward_hook(lambda _, __, output: states.append(first(output))))
            if zero_attention:
                attention = [m for name, m in block.named_children() if name in
                             ("self_attn", "attn", "attention", "self_attention")]
                assert len(attention) == 1
                hook(attention[0].register_forward_hook(silence, with_kwargs=True))
        for module in inputs_of:
            hook(module.register_forward_pre_hook(lambda m, args: inputs.__setitem__(m, args[0])))
        if next(model.parameters()).dtype == torch.float64:
            hooks.enter_context(KeepFloat64())
        with torch.no_grad():
            model(input_ids=torch.tensor(token_ids)[:, None], use_cache=False)
    hidden_size = states[0].shape[-1]
    stacked = torch.stack([state.reshape(len(token_ids), hidden_size) for state in states])
    return stacked, [inputs[module].reshape(len(token_ids), -1) for module in inputs_of]


def randomise(model, generator, planted):
    """All parameters: none may keep a value (0, 1) that hides a mistake."""
    normal = lambda shape: torch.randn(shape, generator=generator)
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            kind = type(module).__name__
            if "bias" in name:
                value = 0.2 * normal(parameter.shape)
            elif "Norm" in kind:
                # Gemma adds 1 to its norms' weights.
                value = 0.2 * normal(parameter.shape) + (0 if "Gemma" in kind else 1)
            elif "Embedding" in kind:
                value = 0.5 * normal(parameter.shape)
                if planted:  # What embeddings have in common is what every token's defect starts from.
                    value = 0.5 * value + 0.6 * normal(parameter.shape[-1:])
            else:
                fan_in = parameter.shape[0 if kind == "Conv1D" else -1]
                value = normal(parameter.shape) / fan_in**0.5
            parameter.data.copy_(value)


def matrix(module):
    """Outputs × inputs, as a view."""
    return module.weight.data.T if type(module).__name__ == "Conv1D" else module.weight.data


def unit(generator, size):
    direction = torch.randn(size, generator=generator, dtype=torch.float64)
    return direction / direction.norm()


def fit(inputs, targets, ridge=1e-3):
    """The small `s` for which inputs · s is about `targets`."""
    scale = ridge * inputs.square().sum() / inputs.shape[1]
    return torch.linalg.solve(inputs.T @ inputs + scale * torch.eye(inputs.shape[1], dtype=inputs.dtype),
                              inputs.T @ targets)


def plant_in_ffn(model, u, v, names):
    """Attention of the block before writes `v`; an FFN neuron that reads `v` writes PLANTED_SIZE · u; a later FFN
    takes out what lies along `u`. Without attention there is no `v`, and nothing explodes."""
    tokens = range(VOCABULARY)
    part = lambda block, name: decoder_blocks(model)[block - 1].get_submodule(names[name])

    out = part(EXPLODES_AT - 1, "out")
    _, (mixed,) = one_token_pass(model, tokens, inputs_of=[out])
    matrix(out).add_(torch.outer(v, fit(mixed, torch.full([VOCABULARY], 12.0, dtype=torch.float64))))

    up = part(EXPLODES_AT, "up")
    with_v, without_v = (one_token_pass(model, tokens, zero, [up])[1][0] for zero in (False, True))
    open_ = 6.0
    reads_v = fit(torch.cat([with_v, without_v]), open_ * torch.tensor([1.0] * len(with_v) + [-1.0] * len(without_v),
                                                                    dtype=torch.float64))
    neuron = 3
    if "gate" in names:
        matrix(part(EXPLODES_AT, "gate"))[neuron] = reads_v
        matrix(up)[neuron] = reads_v / open_
        activation = open_
    else:
        matrix(up)[neuron] = reads_v
        up.bias.data[neuron] = 0
        activation = open_
    matrix(part(EXPLODES_AT, "down"))[:, neuron] = PLANTED_SIZE / activation * u

    down = part(DECAYS_AT, "down")
    states, (inner,) = one_token_pass(model, tokens, inputs_of=[down])
    _, (ordinary,) = one_token_pass(model, tokens, zero_attention=True, inputs_of=[down])
    excess = torch.cat([states[DECAYS_AT] @ u, torch.zeros(VOCABULARY, dtype=torch.float64)])
    matrix(down).sub_(torch.outer(u, fit(torch.cat([inner, ordinary]), excess, ridge=1e-5)))


def plant_in_attention(model, u):
    """With a norm after attention and after the FFN, what a block adds has a fixed size. Attention's norm at one block
    is made large and its output turned to `u`; a later one is as large, and turned to −u."""
    tokens = range(VOCABULARY)
    for block, sign in ((EXPLODES_AT, 1.0), (DECAYS_AT, -1.0)):
        layer = decoder_blocks(model)[block - 1]
        out, norm = layer.self_attn.o_proj, layer.post_attention_layernorm
        states, (mixed,) = one_token_pass(model, tokens, inputs_of=[out])
        size = PLANTED_SIZE if sign > 0 else (states[block - 1] @ u).mean()
        scale = 1 + norm.weight.data
        before_norm = u / scale
        matrix(out).add_(torch.outer(sign * before_norm,
                                     fit(mixed, torch.full([VOCABULARY], 1000.0, dtype=torch.float64))))
        norm.weight.data = scale * size * before_norm.norm() / len(u)**0.5 - 1


def check_planted(states, zero_states, u):
    """Returns what the table says of a defect."""
    ratios = states.norm(dim=-1) / zero_states.norm(dim=-1).median(dim=1, keepdim=True).values
    high = (ratios[EXPLODES_AT:DECAYS_AT] >= 20).all(dim=0)
    assert high.double().mean() > 0.5 and (ratios[EXPLODES_AT - 1] < 8).all() and (ratios[DECAYS_AT] < 8).all(), ratios
    columns = states[EXPLODES_AT:DECAYS_AT][:, high].flatten(0, 1)
    direction = torch.linalg.svd(columns)[2][0]
    angle = torch.rad2deg(torch.acos((direction @ u).abs().clamp(max=1))).item()
    assert angle < 3, angle
    return (f"planted: largest ratios {' '.join(f'{r:.3g}' for r in ratios.max(dim=1).values)}, "
            f"{int(high.sum())}/{len(high)} tokens high, direction found within {angle:.2f}°")


def check_routing(model, token_ids):
    """Tokens must take different experts, and none by a margin that rounding could turn."""
    chosen = set()
    routers = [module for module in model.modules() if type(module).__name__ == "MixtralTopKRouter"]
    for zero_attention in (False, True):
        for router, read in zip(routers, one_token_pass(model, token_ids, zero_attention, routers)[1]):
            best = (read @ router.weight.T).sort(descending=True, dim=-1)
            assert (best.values[:, 1] - best.values[:, 2] > 1e-3).all()
            chosen |= {(router, frozenset(experts)) for experts in best.indices[:, :2].tolist()}
    assert len(chosen) >= 2 * len(routers)
    return f"{len(chosen)} pairs of experts in {len(routers)} blocks"


def probe_tokens(config):
    text = config.get_text_config()
    special = []
    for source in (config.to_dict(), text.to_dict()):
        for key, value in source.items():
            if key.endswith("_token_id") and value is not None:
                special += value if isinstance(value, list) else [value]
    spread = [7, 16, 23, 30, VOCABULARY - 1]
    return list(dict.fromkeys(sorted(i for i in special if i < VOCABULARY) + spread))


def rounded(states):
    return [[float(f"{norm:.9g}") for norm in block] for block in states.norm(dim=-1).tolist()]


def write_case(name):
    model_type, settings = CASES[name]
    # Not Python's hash: that differs from run to run.
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    planted = name in PLANTED_FFN or name in PLANTED_ATTENTION
    auto = AutoModelForImageTextToText if "vision_config" in settings else AutoModelForCausalLM
    config = AutoConfig.for_model(model_type, **settings)
    model = auto.from_config(config, **EAGER).double().eval()
    randomise(model, generator, planted)
    if planted:
        size = config.hidden_size
        u, v = unit(generator, size), unit(generator, size)
        with torch.no_grad():
            if name in PLANTED_FFN:
                plant_in_ffn(model, u, v, PLANTED_FFN[name])
            else:
                plant_in_attention(model, u)

    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(STORED_AS.get(name, torch.float32)).save_pretrained(folder, max_shard_size=SHARDED.get(name, "1GB"))
    (folder / "generation_config.json").unlink(missing_ok=True)
    for file in folder.iterdir():
        file.chmod(0o644)

    token_ids = probe_tokens(config)
    load = lambda dtype: auto.from_pretrained(folder, dtype=dtype, **EAGER).eval()
    exact, single = load(torch.float64), load(torch.float32)
    result = {"transformers": transformers.__version__, "token_ids": token_ids}
    passes = {}
    for prefix, zero in (("", False), ("zero_attention_", True)):
        states = passes[prefix] = one_token_pass(exact, token_ids, zero)[0]
        assert states.dtype == torch.float64 and states.isfinite().all()
        norms = states.norm(dim=-1)
        difference = one_token_pass(single, token_ids, zero)[0].double().norm(dim=-1) / norms - 1
        result[prefix + "norms"] = rounded(states)
        result[prefix + "float32_difference"] = float(f"{difference.abs().max():.3g}")
    note = ""
    if planted:
        result["planted"] = {"direction": [float(f"{x:.9g}") for x in u.tolist()], "explodes_at": EXPLODES_AT,
                             "decays_at": DECAYS_AT}
        note = check_planted(passes[""], passes["zero_attention_"], u)
    if model_type == "mixtral":
        # The same model by the names of Transformers 5's own modules, as torch.save(model.state_dict()) has them.
        exact.to(torch.float32).save_pretrained(FUSED, save_original_format=False)
        exact.double()
        (FUSED / "generation_config.json").unlink(missing_ok=True)
        for file in FUSED.iterdir():
            file.chmod(0o644)
        note = check_routing(exact, token_ids)
    lines = ",\n".join(f' "{key}": {json.dumps(value)}' for key, value in result.items())
    (folder / "hidden_states.json").write_text(f"{{\n{lines}\n}}\n")

    size = sum(file.stat().st_size for file in folder.iterdir())
    largest = max(result["float32_difference"], result["zero_attention_float32_difference"])
    norms = " ".join(f"{block[0]:.4g}" for block in result["norms"])
    print(f"{name:20} {size / 1024:6.1f} KiB  {norms:36} {largest:.1e}  {note}", flush=True)


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    print("case                 size        norms of the first token, by block   float32 differs by")
    for name in sys.argv[1:] or CASES:
        write_case(name)
    total = sum(file.stat().st_size for file in HERE.rglob("*") if file.is_file())
    print(f"{total / 1e6:.2f} MB in all")
    assert total < 3e6


if __name__ == "__main__":
    main()
