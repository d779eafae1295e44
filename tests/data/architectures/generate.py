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
from safetensors.torch import load_file, save_file
from torch.overrides import TorchFunctionMode
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE))
from cases import CASES, LARGE, PREDICTS_FURTHER, PUBLISHED_AS, TRANSPOSED, VOCABULARY

FUSED = HERE.parent / "fused_experts"
# Plain PyTorch, in float64 too.
EAGER = dict(attn_implementation="eager", experts_implementation="eager")

STORED_AS = {"qwen2": torch.bfloat16, "phi": torch.float16}  # float32 elsewhere
SHARDED = {"olmo2": "30KB"}

# Stored numbers that are not trained: their values, from standard normal ones.
BUFFERS = {
    "beta": lambda x: 0.5 + 0.1 * x,  # of xIELU
    "eps": lambda x: -0.1 - 0.1 * x.abs(),
    "layer_scalar": lambda x: 0.8 + 0.2 * x,
    "e_score_correction_bias": lambda x: 0.15 * x - 0.7,  # what it is added to is often below 0 then
}

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
    return next(module for name, module in model.get_decoder().named_modules()
                if isinstance(module, torch.nn.ModuleList) and name.split(".")[-1] in ("layers", "h", "blocks"))


def mixers_of_tokens(block):
    """The modules of a block that read other tokens: attention, state spaces, convolutions."""
    if hasattr(block, "mixer"):  # NemotronH: all that a block does
        return [block.mixer] if block.block_type in ("full_attention", "linear_attention") else []
    names = ("self_attn", "attn", "attention", "self_attention", "linear_attn", "mamba", "conv")
    mixers = [module for name, module in block.named_children() if name in names]
    assert mixers
    return mixers


def first(output):
    return output[0] if isinstance(output, tuple) else output


def silence(module, args, kwargs, output):
    """A mixer's output becomes zero, bias included; BLOOM's adds the residual itself, which stays."""
    bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
    silent = bound["residual"] if "residual" in bound else torch.zeros_like(first(output))
    return (silent, *output[1:]) if isinstance(output, tuple) else silent


def one_token_pass(model, token_ids, zero_attention=False, inputs_of=()):
    """The residual stream before block 1 and after every block, [blocks + 1, tokens, hidden], and what `inputs_of`
    (modules) read, [tokens, size] each."""
    blocks = decoder_blocks(model)
    states, inputs = [], {}
    active = getattr(model.config, "altup_active_idx", None)  # Gemma 3n has several streams
    observed = lambda hidden: hidden if active is None else hidden[active]
    with ExitStack() as hooks:
        hook = lambda handle: hooks.callback(handle.remove)
        hook(blocks[0].register_forward_pre_hook(
            lambda _, args, kwargs: states.append(observed(args[0] if args else kwargs["hidden_states"])),
            with_kwargs=True))
        for block in blocks:
            hook(block.register_forward_hook(lambda _, __, output: states.append(observed(first(output)))))
            for mixer in mixers_of_tokens(block) if zero_attention else ():
                hook(mixer.register_forward_hook(silence, with_kwargs=True))
        for module in inputs_of:
            hook(module.register_forward_pre_hook(lambda m, args: inputs.__setitem__(m, args[0])))
        if next(model.parameters()).dtype == torch.float64:
            hooks.enter_context(KeepFloat64())
        # This wrapper fails on text alone, once its blocks have run.
        whole = model.language_model if model.config.model_type == "llama4" else model
        with torch.no_grad():
            whole(input_ids=torch.tensor(token_ids)[:, None], use_cache=False)
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
                # Some add 1 to their norms' weights, and start from 0.
                value = 0.2 * normal(parameter.shape) + round(parameter.mean().item())
            elif "Embedding" in kind:
                value = 0.5 * normal(parameter.shape)
                if planted:  # What embeddings have in common is what every token's defect starts from.
                    value = 0.5 * value + 0.6 * normal(parameter.shape[-1:])
            else:
                fan_in = 1 if parameter.dim() == 1 else parameter.shape[0 if kind == "Conv1D" else -1]
                value = normal(parameter.shape) / fan_in**0.5
            parameter.data.copy_(value)
        for name, buffer in module.named_buffers(recurse=False):
            if name not in module._non_persistent_buffers_set:
                buffer.copy_(BUFFERS[name](normal(buffer.shape)))


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


class Decisions(TorchFunctionMode):
    """What is chosen by the largest of some numbers, and by which margin."""

    def __init__(self, also_thresholds):
        self.also_thresholds = also_thresholds
        self.margin, self.chosen = float("inf"), []

    def note(self, values, k):
        if k < values.shape[-1]:
            best = values.sort(dim=-1, descending=True)
            gap = best.values[..., k - 1] - best.values[..., k]
            self.margin = min(self.margin, gap[~gap.isnan()].min().item())
            self.chosen.append({tuple(sorted(experts)) for experts in best.indices[..., :k].flatten(0, -2).tolist()})

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in (torch.topk, torch.Tensor.topk):
            self.note(args[0], kwargs["k"] if "k" in kwargs else args[1])
        elif self.also_thresholds and function is torch.Tensor.max and "dim" in kwargs:
            self.note(args[0], 1)
        elif self.also_thresholds and function is torch.Tensor.__gt__ and isinstance(args[1], float):
            self.margin = min(self.margin, (args[0] - args[1]).abs().min().item())
        return function(*args, **kwargs)


def check_routing(model, token_ids, also_thresholds):
    """Tokens must take different experts, and none by a margin that rounding could turn."""
    taken, margin = {}, float("inf")
    for zero_attention in (False, True):
        with Decisions(also_thresholds) as decisions:
            one_token_pass(model, token_ids, zero_attention)
        margin = min(margin, decisions.margin)
        for place, chosen in enumerate(decisions.chosen):
            taken.setdefault(place, set()).update(chosen)
    if not taken:
        return ""
    assert margin > 1e-5, margin
    assert all(len(chosen) > 1 for chosen in taken.values()), taken
    return f"{sum(map(len, taken.values()))} choices at {len(taken)} places, by {margin:.1e} at least"


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


def add_prediction_layer(folder, generator, as_block, others):
    """Files as published hold what predicts a further token: one block more and what joins it to the model, of which it
    is no part."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    blocks = [int(name.split(".")[2]) for name in tensors if name.startswith("model.layers.")]
    last = f"model.layers.{max(blocks)}."
    hidden_size = tensors["model.norm.weight"].numel()
    shapes = {name.replace(last, as_block): tensor.shape for name, tensor in tensors.items() if name.startswith(last)}
    shapes |= {name: [hidden_size, 2 * hidden_size] if is_matrix else [hidden_size] for name, is_matrix in others.items()}
    save_file(tensors | {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}, file,
              {"format": "pt"})


def change_config(folder, changes):
    file = folder / "config.json"
    config = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in sorted(config.items()) if value is not ...}, indent=2) + "\n")


def write_case(name):
    model_type, settings = CASES[name]
    # Not Python's hash: that differs from run to run.
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    planted = name in PLANTED_FFN or name in PLANTED_ATTENTION
    auto = AutoModelForImageTextToText if "vision_config" in settings else AutoModelForCausalLM
    config = AutoConfig.for_model(model_type, **settings)
    model = auto.from_config(config, **EAGER).double().eval()
    randomise(model, generator, planted)
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.endswith(LARGE.get(name, "?")):
            parameter.data *= 5
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

    as_saved = {}
    if name in TRANSPOSED:
        tensors = load_file(folder / "model.safetensors")
        save_file({key: tensor.transpose(1, 2).contiguous() if ".experts." in key else tensor
                   for key, tensor in tensors.items()}, folder / "model.safetensors", {"format": "pt"})
    if name in PREDICTS_FURTHER:
        add_prediction_layer(folder, generator, *PREDICTS_FURTHER[name])
    if name in PUBLISHED_AS:
        change_config(folder, PUBLISHED_AS[name])
        if PUBLISHED_AS[name].get("model_type"):
            as_saved["config"] = config  # which Transformers does not know

    token_ids = probe_tokens(config)
    load = lambda dtype: auto.from_pretrained(folder, dtype=dtype, **as_saved, **EAGER).eval()
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
    note = note or check_routing(exact, token_ids, also_thresholds=model_type == "phimoe")
    if model_type == "mixtral":
        # The same model by the names of Transformers 5's own modules, as torch.save(model.state_dict()) has them.
        exact.to(torch.float32).save_pretrained(FUSED, save_original_format=False)
        exact.double()
        (FUSED / "generation_config.json").unlink(missing_ok=True)
        for file in FUSED.iterdir():
            file.chmod(0o644)
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
    assert total < 5.5e6


if __name__ == "__main__":
    main()
