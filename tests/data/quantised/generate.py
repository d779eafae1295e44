#!/usr/bin/env python3
"""Writes tiny models whose weights are quantised by each method that is read, and what Transformers computes with them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch==2.15.0 transformers==5.24.0 peft==0.21.2 \\
        compressed-tensors==0.20.0 bitsandbytes==0.50.2
    /tmp/venv/bin/python tests/data/quantised/generate.py [CASE ...]

One folder a case: config.json and model.safetensors as the method's own programs write them, and hidden_states.json as in
../architectures, from Transformers' forward pass in float64 with the weights that come back when the pieces are taken
apart again: by compressed-tensors, bitsandbytes and Transformers themselves where they can, see README.md. Scales are
widened to float32 before, so that what comes back is not rounded to bfloat16. Seeded.
"""

import importlib.util
import json
import pathlib
import shutil
import sys
import zlib

import bitsandbytes.functional as bnb
import torch
import transformers
from compressed_tensors.compressors.base import BaseCompressor
from compressed_tensors.entrypoints.convert.converters.autoawq import AutoAWQConverter
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from compressed_tensors.quantization.utils import calculate_qparams
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

HERE = pathlib.Path(__file__).parent
spec = importlib.util.spec_from_file_location("architectures", HERE.parent / "architectures" / "generate.py")
architectures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(architectures)
import cases  # of that folder

LLAMA = dict(cases.RMS, num_hidden_layers=2, tie_word_embeddings=False)
ATTENTION, FFN = ["q_proj", "k_proj", "v_proj", "o_proj"], ["gate_proj", "up_proj", "down_proj"]


def cells(scale, shape, rows, columns):
    """A number for each place of `shape` from one for each block."""
    return scale.repeat_interleave(rows, 0).repeat_interleave(columns, 1)[:shape[0], :shape[1]]


# ---- each takes a weight and gives the pieces beside the module's name, and the weight that they stand for

def fp8(weight, generator, block=None, dtype=torch.float32, static=False):
    """DeepSeek's blocks: inference/kernel.py, weight_dequant; without them one scale, as Mistral has it."""
    rows, columns = block or weight.shape
    padded = torch.zeros(-(-weight.shape[0] // rows) * rows, -(-weight.shape[1] // columns) * columns)
    padded[:weight.shape[0], :weight.shape[1]] = weight
    largest = padded.unflatten(1, (-1, columns)).unflatten(0, (-1, rows)).abs().amax((1, 3))
    scale = (largest / 448).log2().ceil().exp2() if dtype is torch.float8_e8m0fnu else largest / 448
    scale = scale.to(dtype)
    codes = (weight / cells(scale.float(), weight.shape, rows, columns)).clamp(-448, 448).to(torch.float8_e4m3fn)
    pieces = {"weight": codes, "weight_scale_inv": scale if block else scale.reshape(())}
    if static:
        pieces["activation_scale"] = torch.rand((), generator=generator).bfloat16()
    return pieces, codes.float() * cells(scale.float(), weight.shape, rows, columns)


def compressed(weight, generator, format, static=False, **args):
    """compressed-tensors, both ways."""
    weights = QuantizationArgs(**args)
    scheme = QuantizationScheme(targets=["Linear"], weights=weights)
    rows, columns = dict(tensor=weight.shape, channel=(1, weight.shape[1]), group=(1, args.get("group_size")),
                         block=args.get("block_structure"))[args["strategy"]]
    padded = torch.nn.functional.pad(weight, (0, -weight.shape[1] % columns, 0, -weight.shape[0] % rows))
    blocks = padded.unflatten(1, (-1, columns)).unflatten(0, (-1, rows))
    scale, zero = calculate_qparams(blocks.amin((1, 3)), blocks.amax((1, 3)), weights)
    if args["strategy"] == "tensor":
        scale, zero = scale.reshape(1), zero.reshape(1)
    scale = scale.bfloat16().float()
    state = {"weight": weight, "weight_scale": scale, "weight_zero_point": zero}
    compressor = BaseCompressor.get_value_from_registry(format)
    pieces = compressor.compress(state, scheme)
    if weights.symmetric:
        pieces.pop("weight_zero_point", None)
        assert "weight_zero_point" not in pieces
    restored = compressor.decompress(pieces, scheme)["weight"]
    pieces = {**pieces, "weight_scale": scale.bfloat16()}
    if static:
        pieces["input_scale"] = torch.rand(1, generator=generator).bfloat16()
    return pieces, restored.float()


def four_bits(weight, generator, quant_type, nested, storage=torch.uint8):
    """bitsandbytes, both ways; nested as quantize_4bit does it, in smaller blocks."""
    codes, state = bnb.quantize_4bit(weight, blocksize=32, quant_type=quant_type, quant_storage=storage)
    if nested:
        state.offset = state.absmax.mean()
        state.absmax, state.state2 = bnb.quantize_blockwise(state.absmax - state.offset, blocksize=64)
        state.nested = True
    restored = bnb.dequantize_4bit(codes, state)
    return {"weight": codes, **{f"weight.{k}": v for k, v in state.as_dict(packed=True).items()}}, restored


def eight_bits(weight, generator):
    """bitsandbytes, both ways."""
    codes, scale, _ = bnb.int8_vectorwise_quant(weight.half())
    pieces = {"weight": codes, "SCB": scale.float(), "weight_format": torch.tensor(0, dtype=torch.uint8)}
    return pieces, bnb.int8_vectorwise_dequant(codes, scale.float())


def integers(weight, generator, bits, group_of):
    """Levels, scales in float16 and zero points, [outputs, inputs] and [outputs, groups], of groups of inputs."""
    groups = int(group_of.max()) + 1
    scale, zero = torch.empty(len(weight), groups).half(), torch.empty(len(weight), groups, dtype=torch.int64)
    for group in range(groups):
        part = weight[:, group_of == group]
        low, high = part.amin(1).clamp(max=-1e-3), part.amax(1).clamp(min=1e-3)
        scale[:, group] = ((high - low) / (2**bits - 1)).half()
        # As v1 of GPTQ stores it, less 1, all that are greater than 0 can be.
        zero[:, group] = (-low / scale[:, group].float()).round().clamp(1, 2**bits - 1).long()
    level = (weight / scale.float()[:, group_of] + zero[:, group_of]).round().clamp(0, 2**bits - 1).long()
    return level, scale, zero


def packed(codes, bits, dim):
    """Words of 32 bits along `dim`, the first in the lowest bits."""
    codes = codes.unflatten(dim, (-1, 32 // bits))
    shifts = torch.arange(32 // bits) * bits
    words = (codes << (shifts[:, None] if dim == 0 else shifts)).sum(dim + 1)
    return torch.where(words >= 2**31, words - 2**32, words).int()


def gptq(weight, generator, bits, group_size, v2=False, act_order=False):
    """Taken apart as QuantLinear.dequantize_weight of GPTQModel does it, which does not install without a GPU."""
    size = weight.shape[1]
    group_of = torch.arange(size) // group_size
    if act_order:
        group_of = group_of[torch.randperm(size, generator=generator)]
    level, scale, zero = integers(weight, generator, bits, group_of)
    pieces = {"qweight": packed(level.T, bits, 0), "qzeros": packed(zero.T - (0 if v2 else 1), bits, 1),
              "scales": scale.T.contiguous(), "g_idx": group_of.int()}
    mask, shifts = 2**bits - 1, torch.arange(0, 32, bits, dtype=torch.int32)
    levels = torch.bitwise_right_shift(pieces["qweight"][:, None, :], shifts[None, :, None]).bitwise_and(mask).flatten(0, 1)
    zeros = torch.bitwise_right_shift(pieces["qzeros"][:, :, None], shifts).bitwise_and(mask).flatten(1) + (0 if v2 else 1)
    g = pieces["g_idx"].long()
    return pieces, (pieces["scales"].float()[g] * (levels - zeros[g])).T


def awq(weight, generator, group_size):
    """Packed as WQLinear_GEMM.from_linear of AutoAWQ does it; taken apart by compressed-tensors' converter."""
    level, scale, zero = integers(weight, generator, 4, torch.arange(weight.shape[1]) // group_size)
    order = torch.tensor([0, 2, 4, 6, 1, 3, 5, 7])
    words = lambda codes: packed(codes.unflatten(1, (-1, 8))[:, :, order].flatten(1), 4, 1)
    pieces = {"qweight": words(level.T), "qzeros": words(zero.T), "scales": scale.T.contiguous()}
    codes, scales, zeros = AutoAWQConverter(group_size=group_size)._convert_gemm_module(
        pieces["qweight"], pieces["scales"], pieces["qzeros"])
    spread = lambda x: x.float().repeat_interleave(group_size, 1)
    return pieces, (codes.float() - spread(zeros)) * spread(scales)


# ---- the cases: settings, quantization_config, and what is done to a module (None: it is left as it is)

def group(targets, format=None, **weights):
    return {"targets": targets, "weights": {"num_bits": 8, "type": "int", "symmetric": True, "dynamic": False, **weights},
            **({"format": format} if format else {})}


def groups(format, ignore, *all_groups):
    return dict(quant_method="compressed-tensors", format=format, quantization_status="compressed", kv_cache_scheme=None,
                ignore=["lm_head", *ignore], config_groups={f"group_{i}": g for i, g in enumerate(all_groups)})


def by_groups(format, ignore, *all_groups, static=()):
    """Of the group whose targets name it first."""
    import re

    def quantise(name, weight, generator):
        if name in ignore:
            return None
        for chosen in all_groups:
            for target in chosen["targets"]:
                if target == name or (target.startswith("re:") and re.match(target[3:], name)):
                    args = {k: v for k, v in chosen["weights"].items() if k != "dynamic"}
                    return compressed(weight, generator, chosen.get("format", format), name.split(".")[-1] in static, **args)
        raise AssertionError(name)

    return groups(format, ignore, *all_groups), quantise


def all_by(method, **args):
    return lambda name, weight, generator: method(weight, generator, **args)


def but(left_out, method, **args):
    return lambda name, weight, generator: None if name in left_out else method(weight, generator, **args)


NAMED = "model.layers.1.self_attn.o_proj"
PLAIN = "model.layers.0.mlp.down_proj"
BNB = dict(quant_method="bitsandbytes", llm_int8_skip_modules=None, llm_int8_threshold=6.0, bnb_4bit_compute_dtype="bfloat16")
GPTQ = dict(quant_method="gptq", sym=False, damp_percent=0.1, true_sequential=True)
CASES = {
    # Sides that 128 does not divide, and two rows or columns of blocks where they are longer.
    "fp8_blocks": (dict(hidden_size=24, intermediate_size=136), dict(
        quant_method="fp8", fmt="e4m3", activation_scheme="dynamic", weight_block_size=[128, 128]),
        all_by(fp8, block=(128, 128))),
    "fp8_powers": (dict(), dict(quant_method="fp8", activation_scheme="dynamic", weight_block_size=[16, 10],
                                scale_fmt="ue8m0", modules_to_not_convert=["lm_head", PLAIN]),
                   but([PLAIN], fp8, block=(16, 10), dtype=torch.float8_e8m0fnu)),
    "fp8_tensor": (dict(), dict(quant_method="fp8", activation_scheme="static", weight_block_size=None),
                   all_by(fp8, dtype=torch.bfloat16, static=True)),
    "compressed_fp8": (dict(), *by_groups(
        "float-quantized", [PLAIN],
        group([r"re:.*self_attn\.[qkv]_proj$"], type="float", strategy="tensor"),
        group([NAMED, "re:.*o_proj", "re:.*mlp.*gate_proj"], type="float", strategy="channel"),
        group(["re:.*(up|down)_proj"], type="float", strategy="block", block_structure=[16, 10]), static=ATTENTION)),
    "compressed_int8": (dict(), *by_groups(
        "int-quantized", [],
        group(["re:.*self_attn.*"], strategy="channel"),
        group(["re:.*mlp.*"], strategy="channel", symmetric=False))),
    "compressed_packed": (dict(), *by_groups(
        "pack-quantized", [PLAIN],
        group([NAMED], num_bits=8, strategy="channel"),
        group(["re:.*self_attn.*"], num_bits=4, strategy="group", group_size=8, actorder="weight"),
        group(["re:.*(gate|up)_proj"], num_bits=4, strategy="group", group_size=8, symmetric=False),
        group(["re:.*down_proj"], num_bits=4, strategy="channel"))),
    "compressed_mixed": (dict(), *by_groups(
        "mixed-precision", [],
        group(["re:.*self_attn.*"], "float-quantized", type="float", strategy="channel"),
        group(["re:.*mlp"], "pack-quantized", num_bits=8, strategy="group", group_size=4, symmetric=False))),
    # Blocks of 32 numbers cross the rows, and matrices have more than 64 of them.
    "bnb_nf4": (dict(intermediate_size=96), dict(BNB, load_in_4bit=True, load_in_8bit=False, bnb_4bit_quant_type="nf4",
                             bnb_4bit_use_double_quant=True, bnb_4bit_quant_storage="uint8"),
                all_by(four_bits, quant_type="nf4", nested=True)),
    "bnb_fp4": (dict(), dict(BNB, load_in_4bit=True, load_in_8bit=False, bnb_4bit_quant_type="fp4",
                             bnb_4bit_use_double_quant=False, bnb_4bit_quant_storage="bfloat16"),
                all_by(four_bits, quant_type="fp4", nested=False, storage=torch.bfloat16)),
    "bnb_int8": (dict(), dict(BNB, load_in_8bit=True, load_in_4bit=False, bnb_4bit_quant_type="fp4"), all_by(eight_bits)),
    "awq": (dict(head_dim=8), dict(quant_method="awq", bits=4, group_size=8, zero_point=True, version="gemm",
                         modules_to_not_convert=[PLAIN]), but([PLAIN], awq, group_size=8)),
    "gptq": (dict(head_dim=8), dict(GPTQ, bits=4, group_size=8, desc_act=True, checkpoint_format="gptq"),
             all_by(gptq, bits=4, group_size=8, act_order=True)),
    "gptq_v2": (dict(head_dim=8), dict(GPTQ, bits=8, group_size=-1, desc_act=False, checkpoint_format="gptq_v2"),
                all_by(gptq, bits=8, group_size=1000, v2=True)),
}


def write_case(name):
    settings, quantization, quantise = CASES[name]
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    config = AutoConfig.for_model("llama", **{**LLAMA, **settings})
    model = AutoModelForCausalLM.from_config(config, **architectures.EAGER)
    architectures.randomise(model, generator, False)
    model = model.bfloat16().float().eval()
    tensors = {key: value.bfloat16() for key, value in model.state_dict().items()}
    for module, linear in model.named_modules():
        if not isinstance(linear, torch.nn.Linear) or module == "lm_head":
            continue
        done = quantise(module, linear.weight.data, generator)
        if done is None:
            continue
        pieces, restored = done
        assert restored.dtype == torch.float32 and restored.shape == linear.weight.shape
        error = (restored - linear.weight).norm() / linear.weight.norm()
        assert 0 < error < 0.2, (module, error)
        del tensors[module + ".weight"]
        tensors |= {f"{module}.{key}": value.contiguous() for key, value in pieces.items()}
        linear.weight.data = restored

    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    config.architectures = ["LlamaForCausalLM"]
    config.dtype = torch.bfloat16
    described = {**json.loads(config.to_json_string()), "quantization_config": quantization}
    (folder / "config.json").write_text(json.dumps(described, indent=1) + "\n")
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    write_states(folder, model, architectures.probe_tokens(config))
    if name == "bnb_nf4":
        write_adapter(name, model, generator)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{name:20} {size / 1024:6.1f} KiB  {len(tensors)} tensors")


def write_states(folder, model, token_ids):
    result = {"transformers": transformers.__version__, "token_ids": token_ids}
    for prefix, zero in (("", False), ("zero_attention_", True)):
        states = architectures.one_token_pass(model.double(), token_ids, zero)[0]
        assert states.dtype == torch.float64 and states.isfinite().all()
        result[prefix + "norms"] = architectures.rounded(states)
    lines = ",\n".join(f' "{key}": {json.dumps(value)}' for key, value in result.items())
    (folder / "hidden_states.json").write_text(f"{{\n{lines}\n}}\n")


def write_adapter(base, model, generator):
    """QLoRA: PEFT's own forward pass, the adapter not merged."""
    folder = HERE / f"{base}_adapter"
    shutil.rmtree(folder, ignore_errors=True)
    tuned = get_peft_model(model.float(), LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=4,
                                                     target_modules="all-linear"))
    for key, parameter in tuned.named_parameters():
        if "lora_" in key:
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    tuned.save_pretrained(folder)
    (folder / "README.md").unlink()
    config = folder / "adapter_config.json"
    described = json.loads(config.read_text())
    described |= {"base_model_name_or_path": base, "target_modules": sorted(described["target_modules"])}  # from a set
    config.write_text(json.dumps(described, indent=1) + "\n")
    loaded = PeftModel.from_pretrained(tuned.unload(), folder)
    write_states(folder, loaded.double().eval().base_model.model,
                 json.loads((HERE / base / "hidden_states.json").read_text())["token_ids"])


def write_gpt_oss():
    """Experts of random bytes, as GPT-OSS is published, and Transformers' pass with what it makes of them itself."""
    name = "gpt_oss_mxfp4"
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    settings = dict(cases.CASES["gpt_oss"][1], hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                    num_local_experts=3, dtype=torch.bfloat16)
    config = AutoConfig.for_model("gpt_oss", **settings)
    model = AutoModelForCausalLM.from_config(config, **architectures.EAGER)
    architectures.randomise(model, generator, False)
    model = model.bfloat16().float().eval()
    tensors = {key: value.bfloat16() for key, value in model.state_dict().items()}
    for module, experts in model.named_modules():
        if not module.endswith("mlp.experts"):
            continue
        for key in ("gate_up_proj", "down_proj"):
            weight = getattr(experts, key)
            count, inputs, outputs = weight.shape
            blocks = torch.randint(0, 256, (count, outputs, inputs // 32, 16), dtype=torch.uint8, generator=generator)
            scales = torch.randint(120, 124, (count, outputs, inputs // 32), dtype=torch.uint8, generator=generator)
            weight.data = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
            assert weight.shape == (count, inputs, outputs)
            del tensors[f"{module}.{key}"]
            tensors |= {f"{module}.{key}_blocks": blocks, f"{module}.{key}_scales": scales}
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    config.architectures = ["GptOssForCausalLM"]
    quantization = dict(quant_method="mxfp4", modules_to_not_convert=[
        "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"])
    described = {**json.loads(config.to_json_string()), "quantization_config": quantization}
    (folder / "config.json").write_text(json.dumps(described, indent=1) + "\n")
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    token_ids = architectures.probe_tokens(config)
    write_states(folder, model, token_ids)
    architectures.check_routing(model, token_ids, also_thresholds=False)


def write_mxfp4():
    """Random bytes of two experts: numbers, not a model, and what Transformers makes of them."""
    generator = torch.Generator().manual_seed(4)
    blocks = torch.randint(0, 256, (2, 6, 3, 16), dtype=torch.uint8, generator=generator)
    scales = torch.randint(110, 140, (2, 6, 3), dtype=torch.uint8, generator=generator)
    expected = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
    save_file({"model.layers.0.mlp.experts.gate_up_proj_blocks": blocks,
               "model.layers.0.mlp.experts.gate_up_proj_scales": scales, "expected": expected},
              HERE / "mxfp4.safetensors", {"format": "pt"})
    (HERE / "mxfp4.safetensors").chmod(0o644)


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    for case in sys.argv[1:] or CASES:
        write_case(case)
    if not sys.argv[1:]:
        write_mxfp4()
        write_gpt_oss()
    total = sum(file.stat().st_size for file in HERE.rglob("*") if file.is_file())
    print(f"{total / 1e6:.2f} MB in all")
