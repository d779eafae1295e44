#!/usr/bin/env python3
"""Converts the tiny models of ../architectures to GGUF with llama.cpp's own converters.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch==2.15.0 transformers==5.24.0 pyyaml requests tqdm
    /tmp/venv/bin/pip download --no-binary llama-cpp-python --no-deps --dest /tmp llama-cpp-python==0.3.36
    tar xf /tmp/llama_cpp_python-0.3.36.tar.gz --directory /tmp
    /tmp/venv/bin/python tests/data/gguf/generate.py /tmp/llama_cpp_python-0.3.36/vendor/llama.cpp [CASE ...]

Only the first blocks of each model, mostly two, to keep the files small. README.md says what else is not as in the models.
"""
import json
import logging
import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "architectures"
LLAMA = pathlib.Path(sys.argv[1])
sys.path[:0] = [str(LLAMA), str(LLAMA / "gguf-py")]

import gguf
import torch
from conversion import ModelBase, ModelType, get_model_architecture, get_model_class
from conversion.gemma import Gemma3NModel
from conversion.phi import Phi2Model
from conversion.stablelm import StableLMModel
from gguf import LlamaFileType as Stored

BLOCKS = 2
# Where two blocks are not all kinds of them, or share what a later one has.
MORE_BLOCKS = {"bamba": 4, "deepseek_v2": 3, "deepseek_v2_groups": 3, "deepseek_v3": 3, "dots1": 3, "ernie4_5_moe": 4, "gemma3n_text": 4,
               "gemma4_text": 6, "glm4_moe": 4, "jamba": 5, "nemotron_h_dense": 4, "nemotron_h_latent": 3,
               "nemotron_h_pattern": 6, "qwen3_next": 4}
# What the converters read otherwise than Transformers 5 writes it; `...` is left out.
NEMOTRON_H = {"mamba_d_head": 6, "norm_eps": 3e-3}
FIELDS = {
    "falcon_7b": {"num_kv_heads": 1},
    "cohere2": {"rotary_pct": 1.0},
    "deepseek_v2": {"scoring_func": "softmax"},
    "deepseek_v2_groups": {"scoring_func": "softmax"},
    "deepseek_v3": {"scoring_func": "sigmoid"},
    "gpt2": {"n_ctx": 16},
    "gpt_neox_parallel": {"rotary_pct": 0.25},
    "gpt_neox_sequential": {"rotary_pct": 0.25},
    "minimax_m2": {"rotary_dim": 6, "scoring_func": "sigmoid"},
    "mpt": {"architectures": ["MPTForCausalLM"]},
    "phimoe_published": {"architectures": ["PhiMoEForCausalLM"], "original_max_position_embeddings": 16},
    # As published, which Transformers changes as it reads it.
    "nemotron_h_dense": NEMOTRON_H | {"hybrid_override_pattern": "M-*-", "num_experts_per_tok": ..., "n_routed_experts": ...,
                                      "num_local_experts": ..., "n_group": ..., "topk_group": ...},
    "nemotron_h_latent": NEMOTRON_H,
    "nemotron_h_pattern": NEMOTRON_H,
}
# What llama.cpp does not have, or does not tell from another: README.md.
NOT_CONVERTED = {
    "falcon_rw", "gpt_neo", "gptj", "ministral", "mistral", "opt",
    # Text parts of multimodal models, which are written as the models of text alone.
    "gemma3", "gemma4", "llama4", "llava", "mistral3", "qwen3_5", "qwen3_5_moe",
    # What they have besides has no place in GGUF.
    "falcon_h1", "gpt_oss_other", "lfm2_biases", "nemotron_h", "phimoe", "qwen3_moe_dense", "qwen3_vl_moe",
}
# Name of the file: folder of the model, and options of the converter.
CASES = {folder.name: (folder.name, {}) for folder in sorted(MODELS.iterdir())
         if folder.is_dir() and folder.name not in NOT_CONVERTED}
CASES["llama_fused"] = ("llama_biases", dict(fuse_qkv=True))
CASES["gpt_oss_mxfp4"] = ("../quantised/gpt_oss_mxfp4", {})
CASES["qwen3_split"] = ("qwen3", dict(split_max_tensors=10))
STORED_AS = {"qwen2": Stored.MOSTLY_BF16, "phi": Stored.MOSTLY_F16}  # as the models are; float32 elsewhere


def is_left_out(name, family, blocks):
    numbers = [int(part) for part in name.split(".") if part.isdecimal()]
    # llama.cpp has no place for the norms of Phi's queries and keys.
    return (numbers and numbers[0] >= blocks) or (family is Phi2Model and "layernorm" in name and "self_attn" in name)


def converter_of(family, config, blocks):
    head_dim = config.get("head_dim")  # which Granite's converters take out

    class Converter(family):
        model_arch = family.model_arch
        no_mtp = not config.get("num_nextn_predict_layers", 0)

        @classmethod
        def filter_tensors(cls, item):
            return None if is_left_out(item[0], family, blocks) else super().filter_tensors(item)

        def set_vocab(self):
            """The models have no tokenizer, only ids in their configuration."""
            self.gguf_writer.add_tokenizer_model("none")
            gguf.SpecialVocab(self.dir_model, load_merges=False).add_to_gguf(self.gguf_writer)

        def set_gguf_parameters(self):
            super().set_gguf_parameters()
            # What the converters write whatever the configuration says, true of the models that they know.
            if self.gguf_writer.arch == "mpt":  # 1e-5
                self.gguf_writer.add_layer_norm_eps(self.hparams["layer_norm_epsilon"])
            if self.gguf_writer.arch == "phi2":  # as many as heads
                self.gguf_writer.add_head_count_kv(self.hparams["num_key_value_heads"])
            if self.gguf_writer.arch == "olmoe":  # 1e-5, and no clipping
                self.gguf_writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
                self.gguf_writer.add_clamp_kqv(config["clip_qkv"])
            if self.gguf_writer.arch == "chatglm":  # 1e-5
                self.gguf_writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
            if self.gguf_writer.arch in ("chatglm", "granite", "granitemoe", "granitehybrid", "jamba"):  # none
                self.gguf_writer.add_key_length(head_dim)
                self.gguf_writer.add_value_length(head_dim)

        def modify_tensors(self, data_torch, name, bid):
            if family is Gemma3NModel and "embed_tokens_per_layer" in name:
                # The converter adds rows of zeros, Transformers reads row 0.
                rows = torch.arange(self.hparams["vocab_size"])
                data_torch = data_torch[torch.where(rows < len(data_torch), rows, 0)]
            if not (issubclass(family, StableLMModel) and "_layernorm.norms." in name):
                yield from super().modify_tensors(data_torch, name, bid)
                return
            # The converter's own branch stacks the norms of a block and then drops them: a generator cannot return them.
            layer = name.split(".")[-4]
            norms = self.__dict__.setdefault("stacked", {}).setdefault((bid, layer), {})
            norms[name] = data_torch
            heads = self.hparams["num_attention_heads" if layer[0] == "q" else "num_key_value_heads"]
            if len(norms) == heads:
                yield from self._stack_qk_norm(bid, heads, norms, layer)

    return Converter


def convert(case, folder):
    model, options = CASES[case]
    shutil.copytree(MODELS / model, folder)
    config = ModelBase.load_hparams(folder, False)
    blocks = MORE_BLOCKS.get(model, BLOCKS)
    further = config.get("num_nextn_predict_layers", 0) if model == "glm4_moe" else 0
    for part in (config, config.get("text_config", {})):
        part.update({key: blocks - further for key in ("num_hidden_layers", "n_layer", "n_layers") if key in part})
        if "layer_types" in part:
            part["layer_types"] = part["layer_types"][:blocks]
    config.update(FIELDS.get(model, {}))
    config = {key: value for key, value in config.items() if value is not ...}
    # Gemma 3's converter cuts the embedding to the tokens that there are.
    tokens = {str(token): token for token in range(config.get("text_config", config)["vocab_size"])}
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": tokens}, "added_tokens": []}))
    for file in HERE.glob(f"{case}-000*.gguf"):
        file.unlink()
    with torch.inference_mode():
        family = get_model_class(get_model_architecture(config, ModelType.TEXT))
        family = getattr(family, "Ministral3Model", family)
        converter_of(family, config, blocks)(folder, STORED_AS.get(case, Stored.ALL_F32), HERE / f"{case}.gguf",
                                             hparams=config, **options).write()
    return sum(file.stat().st_size for file in HERE.glob("*.gguf") if file.stem.split("-")[0] == case)


def main():
    logging.disable(logging.WARNING)
    for case in sys.argv[2:] or CASES:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{case:20} {convert(case, pathlib.Path(folder) / 'model') / 1024:6.1f} KiB", flush=True)


if __name__ == "__main__":
    main()
