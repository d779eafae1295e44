#!/usr/bin/env python3
"""Converts the tiny models of ../architectures to GGUF with llama.cpp's own converters.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch==2.15.0 transformers==5.24.0 pyyaml requests tqdm
    /tmp/venv/bin/pip download --no-binary llama-cpp-python --no-deps --dest /tmp llama-cpp-python==0.3.36
    tar xf /tmp/llama_cpp_python-0.3.36.tar.gz --directory /tmp
    /tmp/venv/bin/python tests/data/gguf/generate.py /tmp/llama_cpp_python-0.3.36/vendor/llama.cpp [CASE ...]

Only the first two blocks of each model, to keep the files small. README.md says what else is not as in the models.
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
from conversion.stablelm import StableLMModel
from gguf import LlamaFileType as Stored

BLOCKS = 2
# What the converters read otherwise than Transformers 5 writes it.
FIELDS = {
    "falcon_7b": {"num_kv_heads": 1},
    "gpt2": {"n_ctx": 16},
    "gpt_neox_parallel": {"rotary_pct": 0.25},
    "gpt_neox_sequential": {"rotary_pct": 0.25},
    "mpt": {"architectures": ["MPTForCausalLM"]},
}
# What llama.cpp does not have, or does not tell from another: README.md.
NOT_CONVERTED = {"falcon_rw", "gemma3", "mistral", "opt"}
# Name of the file: folder of the model, and options of the converter.
CASES = {folder.name: (folder.name, {}) for folder in sorted(MODELS.iterdir())
         if folder.is_dir() and folder.name not in NOT_CONVERTED}
CASES["llama_fused"] = ("llama_biases", dict(fuse_qkv=True))
CASES["qwen3_split"] = ("qwen3", dict(split_max_tensors=10))
STORED_AS = {"qwen2": Stored.MOSTLY_BF16, "phi": Stored.MOSTLY_F16}  # as the models are; float32 elsewhere


def is_left_out(name):
    numbers = [int(part) for part in name.split(".") if part.isdecimal()]
    # llama.cpp has no place for the norms of Phi's queries and keys.
    return (numbers and numbers[0] >= BLOCKS) or (name.endswith(("layernorm.weight", "layernorm.bias"))
                                                  and "self_attn" in name and ".norms." not in name)


def converter_of(family):
    class Converter(family):
        model_arch = family.model_arch

        @classmethod
        def filter_tensors(cls, item):
            return None if is_left_out(item[0]) else super().filter_tensors(item)

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

        def modify_tensors(self, data_torch, name, bid):
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
    config.update({key: BLOCKS for key in ("num_hidden_layers", "n_layer", "n_layers") if key in config})
    config.update(FIELDS.get(model, {}))
    # Gemma 3's converter cuts the embedding to the tokens that there are.
    tokens = {str(token): token for token in range(config["vocab_size"])}
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": tokens}, "added_tokens": []}))
    for file in HERE.glob(f"{case}-000*.gguf"):
        file.unlink()
    with torch.inference_mode():
        family = get_model_class(get_model_architecture(config, ModelType.TEXT))
        converter_of(family)(folder, STORED_AS.get(case, Stored.ALL_F32), HERE / f"{case}.gguf", hparams=config,
                             **options).write()
    return sum(file.stat().st_size for file in HERE.glob(f"{case}*.gguf"))


def main():
    logging.disable(logging.WARNING)
    for case in sys.argv[2:] or CASES:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{case:20} {convert(case, pathlib.Path(folder) / 'model') / 1024:6.1f} KiB", flush=True)


if __name__ == "__main__":
    main()
