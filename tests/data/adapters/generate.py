#!/usr/bin/env python3
"""Writes LoRA adapters of the tiny models in ../architectures, and what PEFT itself computes with them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch==2.15.0 transformers==5.24.0 peft==0.21.2
    /tmp/venv/bin/python tests/data/adapters/generate.py [CASE ...]

One folder a case: the adapter as PEFT saves it, and hidden_states.json with the norms of the residual stream for
sequences of one token, in float64, the adapter not merged. Both factors are random. Seeded.
"""

import importlib.util
import json
import pathlib
import shutil
import sys
import zlib

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
ARCHITECTURES = HERE.parent / "architectures"
spec = importlib.util.spec_from_file_location("architectures", ARCHITECTURES / "generate.py")
architectures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(architectures)

# Name of the folder: the base and the adapter. Separate matrices with ranks and scales of their own; a fused matrix that
# is stored transposed; a fused one that keeps values head by head. Two whose fused matrix GGUF lays out otherwise, with
# as many KV heads as heads and with fewer, in the blocks that ../gguf has.
ADDED_TOKENS = {"llama_tokens": 3, "llama_added_rows": 2}
CASES = {
    "llama": ("llama", dict(r=3, lora_alpha=7, target_modules="all-linear", rank_pattern={"down_proj": 2},
                            alpha_pattern={"layers.1.self_attn.v_proj": 11})),
    "gpt2": ("gpt2", dict(r=4, lora_alpha=6, use_rslora=True, target_modules=["c_attn", "c_fc", "c_proj"],
                          fan_in_fan_out=True)),
    "gpt_neox": ("gpt_neox_parallel", dict(r=2, lora_alpha=4,
                                           target_modules=["query_key_value", "dense", "dense_4h_to_h"])),
    "bloom": ("bloom", dict(r=2, lora_alpha=4, target_modules=["query_key_value"], layers_to_transform=[0, 1])),
    "falcon_40b": ("falcon_40b", dict(r=2, lora_alpha=4, use_dora=True, target_modules=["query_key_value"],
                                      layers_to_transform=[0, 1])),
    # DoRA, of separate matrices and of a transposed fused one; patterns that are regular expressions.
    "llama_dora": ("llama", dict(r=2, lora_alpha=4, use_dora=True, target_modules=["v_proj", "o_proj", "up_proj", "down_proj"],
                                 alpha_pattern={r"^model\.layers\.[12]\.mlp\.(up|down)_proj": 9, r"\w+\.o_.*": 5})),
    "gpt2_dora": ("gpt2", dict(r=1, lora_alpha=2, use_dora=True, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True)),
    # Of embeddings, where they are multiplied too; saved whole, with tokens added, and with a head that is not read.
    "gemma2_embedding": ("gemma2", dict(r=2, lora_alpha=4, target_modules=["embed_tokens", "v_proj"])),
    "llama_tokens": ("llama", dict(r=2, lora_alpha=4, target_modules=["v_proj"], modules_to_save=["embed_tokens", "lm_head"])),
    # An empty list of parameters, as PEFT writes it for every mixture of experts.
    "mixtral": ("mixtral", dict(r=2, lora_alpha=4, target_modules=["v_proj", "o_proj"])),
    # Rows of tokens: of a list, and of an embedding and a head that have grown; where the embedding is normed or tied.
    "llama_rows": ("llama", dict(r=2, lora_alpha=4, target_modules=["v_proj"], layers_to_transform=[1],
                                 trainable_token_indices=[7, 2, 0], modules_to_save=["norm"])),
    "llama_added_rows": ("llama", dict(r=2, lora_alpha=4, target_modules=["v_proj"], layers_to_transform=[0],
                                       trainable_token_indices={"model.embed_tokens": [38, 7], "lm_head": [37]})),
    # Norms, positions and routers saved whole, with biases; DoRA of an embedding that is multiplied.
    "gpt2_saved": ("gpt2", dict(r=2, lora_alpha=4, target_modules=["c_fc"], layers_to_transform=[0], fan_in_fan_out=True,
                                trainable_token_indices=[1], modules_to_save=["ln_1", "wpe"])),
    "gemma2_dora": ("gemma2", dict(r=2, lora_alpha=4, use_dora=True, target_modules=["embed_tokens", "up_proj"],
                                   modules_to_save=["input_layernorm", "post_feedforward_layernorm"])),
    "mixtral_router": ("mixtral", dict(r=2, lora_alpha=4, target_modules=["v_proj"], layers_to_transform=[0],
                                       modules_to_save=["gate"])),
    # Of a hybrid: queries that hold gates, and a delta rule.
    "qwen3_5": ("qwen3_5_text", dict(r=2, lora_alpha=4, modules_to_save=["input_layernorm"], target_modules=[
        "q_proj", "v_proj", "o_proj", "in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "out_proj"])),
}


def write_case(name):
    base, settings = CASES[name]
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    added = ADDED_TOKENS.get(name, 0)

    def load():
        model = AutoModelForCausalLM.from_pretrained(ARCHITECTURES / base, dtype=torch.float64, **architectures.EAGER).eval()
        if added:
            model.resize_token_embeddings(model.config.vocab_size + added, mean_resizing=False)
        return model

    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    tuned = get_peft_model(load(), LoraConfig(task_type="CAUSAL_LM", **settings))
    for key, parameter in tuned.named_parameters():
        if "lora_" in key:
            noise = 0.3 * torch.randn(parameter.shape, generator=generator)
            parameter.data = parameter * (1 + noise) if "magnitude" in key else noise
        elif "modules_to_save" in key or "trainable_tokens" in key:
            parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)
    tuned.float().save_pretrained(folder)
    if name == "llama":  # as PEFT saved it before safetensors were its default
        torch.save(load_file(folder / "adapter_model.safetensors"), folder / "adapter_model.bin")
    (folder / "README.md").unlink()
    config = folder / "adapter_config.json"  # The base's path is this machine's.
    config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": base}, indent=1) + "\n")

    token_ids = json.loads((ARCHITECTURES / base / "hidden_states.json").read_text())["token_ids"]
    vocabulary = load().config.vocab_size
    token_ids += range(vocabulary - added, vocabulary)
    model = PeftModel.from_pretrained(load(), folder).double().eval().base_model.model
    result = {"base": base, "token_ids": token_ids}
    for prefix, zero in (("", False), ("zero_attention_", True)):
        states = architectures.one_token_pass(model, token_ids, zero)[0]
        assert states.dtype == torch.float64
        result[prefix + "norms"] = architectures.rounded(states)
    lines = ",\n".join(f' "{key}": {json.dumps(value)}' for key, value in result.items())
    (folder / "hidden_states.json").write_text(f"{{\n{lines}\n}}\n")
    print(name, [f"{block[0]:.4g}" for block in result["norms"]], sorted(f.name for f in folder.iterdir()))


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for case in sys.argv[1:] or CASES:
        write_case(case)
