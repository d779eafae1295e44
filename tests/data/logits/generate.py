"""Logits of the models in ../architectures, by Transformers' own forward pass, for a sequence longer than their windows.

    generate.py [CASE ...]

A case is a folder there, or one of VARIANTS: its weights with other settings. Writes CASE.json beside this file.
"""

import json
import random
import sys
import tempfile
import zlib
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).parent
MODELS = HERE.parent / "architectures"
TOKENS = 16  # learned positions end there, windows before it


def rope(**settings):
    return dict(rope_parameters=dict(rope_theta=1e4, **settings))


YARN = dict(rope_type="yarn", factor=8.0, original_max_position_embeddings=64, beta_fast=4.0, beta_slow=0.05)
LONGROPE = dict(rope_type="longrope", short_factor=[1.0, 1.5, 2.0], long_factor=[1.25, 3.0, 4.5], rope_theta=1e4)
OLDER_LONGROPE = dict(type="longrope", short_factor=[1.0, 1.5, 2.0], long_factor=[1.25, 3.0, 4.5])

EAGER = dict(attn_implementation="eager", experts_implementation="eager")

# Name: folder, and what is different in its config.json (of the text part, where there is one; null takes a field out).
VARIANTS = {
    "llama_linear": ("llama", rope(rope_type="linear", factor=4.0)),
    "llama_dynamic": ("llama", dict(rope(rope_type="dynamic", factor=4.0), max_position_embeddings=6)),
    "llama_yarn": ("llama", rope(**YARN)),
    "llama_yarn_exact": ("llama", rope(**YARN, truncate=False, mscale=1.3, mscale_all_dim=0.7)),
    "llama_yarn_factor": ("llama", rope(**YARN, attention_factor=0.75)),
    "llama_llama3": ("llama", rope(rope_type="llama3", factor=8.0, original_max_position_embeddings=64,
                                   low_freq_factor=0.05, high_freq_factor=4.0)),
    "llama_older": ("llama", dict(rope_parameters=None, rope_theta=500.0, rope_scaling=dict(type="linear", factor=2.0))),
    "phi3_longrope_short": ("phi3", dict(rope_parameters=LONGROPE, original_max_position_embeddings=64,
                                         max_position_embeddings=256)),
    "phi3_longrope_long": ("phi3", dict(rope_parameters=None, rope_scaling=OLDER_LONGROPE, rope_theta=1e4,
                                        original_max_position_embeddings=8, max_position_embeddings=32)),
    "phi3_window": ("phi3", dict(sliding_window=6)),
    "gpt_neox_older": ("gpt_neox_parallel", dict(rope_parameters=None, rotary_pct=0.5, rotary_emb_base=1000)),
    "gemma2_caps": ("gemma2", dict(attn_logit_softcapping=1.5, final_logit_softcapping=3.0, layer_types=None)),
    "gemma3_older": ("gemma3_text", dict(rope_parameters=None, rope_theta=2e5, rope_local_base_freq=500.0, layer_types=None,
                                         sliding_window_pattern=2, rope_scaling=dict(rope_type="linear", factor=8.0))),
    "qwen2_window": ("qwen2", dict(use_sliding_window=True, sliding_window=4, max_window_layers=1, layer_types=None)),
    "qwen3_moe_window": ("qwen3_moe", dict(use_sliding_window=True, sliding_window=4)),
    "bloom_three_heads": ("bloom", dict(n_head=3)),
    "mpt_three_heads": ("mpt", dict(n_heads=3)),
    "bamba_part": ("bamba", rope(partial_rotary_factor=0.7)),
    "deepseek_v2_yarn": ("deepseek_v2", rope(**YARN, truncate=False, mscale=0.7, mscale_all_dim=1.3)),
    "deepseek_v3_yarn": ("deepseek_v3", rope(**YARN, truncate=False, mscale=1.3, mscale_all_dim=0.7)),
    "deepseek_v3_halves": ("deepseek_v3", dict(rope_interleave=False)),
    "gpt2_unscaled": ("gpt2", dict(scale_attn_weights=False)),
}


def as_plain(folder):
    # Plain PyTorch of Falcon adds ALiBi twice: to the logits and to the mask.
    falcon = json.loads((Path(folder) / "config.json").read_text())["model_type"] == "falcon"
    return dict(EAGER, attn_implementation="sdpa") if falcon else EAGER


def write_model(folder, changes, out):
    for file in (MODELS / folder).iterdir():
        if file.name not in ("config.json", "hidden_states.json"):
            (out / file.name).symlink_to(file.resolve())
    config = json.loads((MODELS / folder / "config.json").read_text())
    text = config.get("text_config", config)
    for key, value in changes.items():
        text.pop(key, None)
        if value is not None:
            text[key] = value
    if text["model_type"] == "kimi_k2":  # Transformers knows its class by the other name alone
        text["model_type"] = "deepseek_v3"
    (out / "config.json").write_text(json.dumps(config))


def load(folder, dtype):
    last = None
    for auto in (transformers.AutoModelForCausalLM, transformers.AutoModelForImageTextToText):
        try:
            model, info = auto.from_pretrained(folder, dtype=dtype, **as_plain(folder), output_loading_info=True)
        except ValueError as error:
            last = error
            continue
        assert not info["missing_keys"], info
        return model.eval()
    raise last


def main(names):
    for name in names:
        folder, changes = VARIANTS.get(name, (name, {}))
        with tempfile.TemporaryDirectory() as out:
            write_model(folder, changes, Path(out))
            ids = [random.Random(zlib.crc32(name.encode())).choices(range(37), k=TOKENS)]
            with torch.no_grad():
                exact = load(out, torch.float64)(input_ids=torch.tensor(ids), use_cache=False).logits
                rounded = load(out, torch.float32)(input_ids=torch.tensor(ids), use_cache=False).logits
        difference = ((rounded - exact).abs().max() / exact.abs().max()).item()
        print(f"{name:24} largest logit {exact.abs().max().item():8.3f}, float32 off by {difference:.1e}")
        rows = [[float(f"{x:.6g}") for x in row] for row in exact[0].tolist()]
        result = dict(model=folder, changes=changes, transformers=transformers.__version__, ids=ids[0],
                      float32_difference=float(f"{difference:.2g}"), logits=rows)
        text = ",\n".join(f'"{key}": {json.dumps(value)}' for key, value in result.items())
        (HERE / f"{name}.json").write_text("{" + text.replace("], [", "],\n[") + "}\n")


if __name__ == "__main__":
    main(sys.argv[1:] or sorted(path.stem for path in HERE.glob("*.json")))
