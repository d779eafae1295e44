#!/usr/bin/env python3
"""Writes the seeds of the fuzzers (corpus/*/seed_*), from the models that real writers made in ../data.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy==2.4.6 safetensors==0.8.0 gguf==0.19.0
    /tmp/venv/bin/python tests/fuzz/make_corpus.py build/release/bin/azimuth

One block of each model, in float16, so that seeds are small; the same versions write the same files, but for the time
in a signature and in an attestation. What stands beside the seeds are inputs that a reader once failed on, made small by `-minimize_crash=1`.
config_fuzzer needs none from here: its seeds are the config.json of every model.
"""
import base64
import io
import json
import math
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
import zipfile

import gguf
import numpy
import safetensors.numpy
from gguf.constants import GGML_QUANT_SIZES
from gguf.constants import GGMLQuantizationType as Type

HERE = pathlib.Path(__file__).parent
DATA = HERE.parent / "data"
AZIMUTH = pathlib.Path(sys.argv[1])
LARGEST = 24 << 10
# That attestation_fuzzer signs with: the first of ../support/ed25519_keys.h.
KEY = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
"""
random = numpy.random.default_rng(20250207)

QUANTISED = ["awq", "bnb_int8", "bnb_nf4", "compressed_fp8", "compressed_int8", "compressed_packed", "fp8_blocks", "gptq"]
FOLDERS = ["falcon_40b", "fused_experts", "gemma2", "gpt2", "llama_biases", "mpt", "olmo2"]
GGUFS = ["bloom", "falcon_40b", "gemma2", "gpt2", "llama_fused", "mixtral"]
ARRAYS_BEFORE = 8  # of the tokenizer: so many elements stay


def put(fuzzer, name, data):
    folder = HERE / "corpus" / fuzzer
    folder.mkdir(parents=True, exist_ok=True)
    assert len(data) <= LARGEST, (fuzzer, name, len(data))
    (folder / f"seed_{name}").write_bytes(data)


def block_of(name):
    """Number of the block that a tensor belongs to, None if to none."""
    numbers = [int(part) for part in name.split(".") if part.isdecimal()]
    return numbers[0] if numbers else None


def halved(tensors):
    """The first block, in float16."""
    return {name: tensor.astype(numpy.float16) for name, tensor in tensors.items() if block_of(name) in (None, 0)
            and not name.startswith("lm_head")}


def tensors_of(folder):
    tensors = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors |= safetensors.numpy.load_file(file)
    return tensors


def tiny_llama():
    shapes = {"model.embed_tokens": (6, 8), "model.norm": (8,)}
    block = {"input_layernorm": (8,), "post_attention_layernorm": (8,), "self_attn.v_proj": (4, 8),
             "self_attn.o_proj": (8, 8), "mlp.gate_proj": (8, 8), "mlp.up_proj": (8, 8), "mlp.down_proj": (8, 8)}
    shapes |= {f"model.layers.0.{name}": shape for name, shape in block.items()}
    return {f"{name}.weight": random.standard_normal(shape, numpy.float32) for name, shape in shapes.items()}


def write_safetensors():
    model = tiny_llama()
    put("safetensors", "tiny", safetensors.numpy.save(model))
    put("safetensors", "tiny_halves", safetensors.numpy.save({k: v.astype(numpy.float16) for k, v in model.items()}))
    types = [numpy.float32, numpy.float16, numpy.bool_, numpy.int8, numpy.uint16, numpy.int32, numpy.uint64]
    put("safetensors", "types", safetensors.numpy.save(
        {numpy.dtype(kind).name: numpy.ones((2, 3), kind) for kind in types}, {"format": "pt"}))
    put("safetensors", "float64", safetensors.numpy.save({"a": numpy.ones(3)}))
    put("safetensors", "empty", safetensors.numpy.save({**model, "lm_head.weight": numpy.ones(0, numpy.float32)}))
    put("safetensors", "none", safetensors.numpy.save({}))


def write_configs_and_folders():
    # The models' own configurations are seeds too: tests/fuzz/CMakeLists.txt names them.
    put("config", "python", json.dumps({"model_type": "llama", "a": [math.nan, math.inf, -math.inf]}).encode())
    for name in FOLDERS:
        folder = DATA / name if name == "fused_experts" else DATA / "architectures" / name
        config = json.loads((folder / "config.json").read_text())
        config |= {key: 1 for key in ("num_hidden_layers", "n_layer", "n_layers") if key in config}
        tensors = halved(tensors_of(folder))
        index = b""
        if name == "olmo2":
            names = sorted(tensors)
            index = json.dumps({"weight_map": {tensor: "a" for tensor in names}}).encode()
        put("folder", name, json.dumps(config).encode() + b"\0" + index + b"\0" + safetensors.numpy.save(tensors))

    for name in QUANTISED:  # the first block, as it is
        folder = DATA / "quantised" / name
        config = json.loads((folder / "config.json").read_text()) | {"num_hidden_layers": 1}
        put("folder", f"quantised_{name}", json.dumps(config).encode() + b"\0\0" + first_block(folder / "model.safetensors"))


def first_block(file):
    """A safetensors file with what is outside of the blocks and the first block of another: types need not be known."""
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header, numbers = json.loads(data[8:8 + length]), data[8 + length:]
    kept, chosen = {}, b""
    for name, tensor in header.items():
        if name == "__metadata__" or block_of(name) not in (None, 0) or name.startswith("lm_head"):
            continue
        begin, end = tensor["data_offsets"]
        kept[name] = tensor | {"data_offsets": [len(chosen), len(chosen) + end - begin]}
        chosen += numbers[begin:end]
    text = json.dumps(kept).encode()
    return len(text).to_bytes(8, "little") + text + chosen


def write_adapters():
    for name in ("bloom", "gemma2_dora", "gemma2_embedding", "llama", "llama_added_rows", "llama_dora", "llama_rows",
                 "llama_tokens"):
        folder = DATA / "adapters" / name
        tensors = tensors_of(folder)
        chosen = {k: v.astype(numpy.float16) for k, v in tensors.items() if block_of(k) in (None, 1)}
        put("adapter", name, (folder / "adapter_config.json").read_bytes() + b"\0" + safetensors.numpy.save(chosen))
        few = {k: v for k, v in tensors.items() if block_of(k) == 0 and "v_proj" in k}
        config = {"peft_type": "LORA", "r": 3, "lora_alpha": 3, "use_rslora": True, "target_modules": ["v_proj"]}
        if few and name == "llama":
            put("adapter", name + "_one", json.dumps(config).encode() + b"\0" + safetensors.numpy.save(few))


class CallsSystem:
    def __reduce__(self):
        return os.system, ("true",)


def write_pytorch():
    """What PyTorch writes is in ../data/pytorch; what it never does is here."""
    for name, entries, kind in (
        ("beside", {"data.pkl": pickle.dumps({"a": [CallsSystem(), pathlib.PosixPath("a")], "model": {}}, 2)},
         zipfile.ZIP_STORED),
        ("system", {"data.pkl": pickle.dumps({"a": CallsSystem()}, 2)}, zipfile.ZIP_STORED),
        ("bomb", {"data.pkl": pickle.dumps({}, 2), "data/0": bytes(1 << 20)}, zipfile.ZIP_DEFLATED),
        ("above", {"data.pkl": pickle.dumps({}, 4), "../data/0": b"1234"}, zipfile.ZIP_STORED),
    ):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", kind) as archive:
            for entry, data in entries.items():
                archive.writestr(zipfile.ZipInfo(f"archive/{entry}"), data, kind)
        put("pytorch", name, file.getvalue())
    put("pytorch", "pickle", pickle.dumps({"a": [1, 2.0, "b", None, True, (), {1, 2}, 1 << 80]}, 2))


def add_field(writer, field):
    kind = field.types[0]
    value = field.contents()
    if kind == gguf.GGUFValueType.ARRAY:
        writer.add_array(field.name, value[:ARRAYS_BEFORE])
    else:
        writer.add_key_value(field.name, value, kind)


def written(writer):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.gguf"
        writer.write_header_to_file(path)
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()


def write_ggufs():
    for name in GGUFS:
        reader = gguf.GGUFReader(DATA / "gguf" / f"{name}.gguf")
        architecture = reader.fields["general.architecture"].contents()
        writer = gguf.GGUFWriter(None, architecture)
        for key, field in reader.fields.items():
            if key.startswith("GGUF.") or key == "general.architecture":
                continue
            if key.endswith(".block_count"):
                writer.add_uint32(key, 1)
            else:
                add_field(writer, field)
        for tensor in reader.tensors:
            if block_of(tensor.name) in (None, 0) and tensor.name != "output.weight":
                writer.add_tensor(tensor.name, numpy.array(tensor.data).astype(numpy.float16))
        if name == "gemma2":  # what plays no part, of types that are not read; tokens, as many as rows
            writer.add_tensor("rope_freqs.weight", numpy.ones(4))
            writer.add_tensor("v.blk.0.ids", numpy.ones(4, numpy.int64))
            writer.add_array("tokenizer.ggml.tokens", [f"t{i}" for i in range(37)])
            writer.add_uint32("gemma2.vocab_size", 37)
        put("gguf", name, written(writer))

    # An observation as it is, and with its field 4, the step, changed.
    put("history", "same", b"\0")
    put("history", "step", b"\0\x20\x28")

    # Every stored type, whose bytes may be any.
    writer = gguf.GGUFWriter(None, "none")
    for kind in (Type.F32, Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.Q2_K,
                 Type.Q3_K, Type.Q4_K, Type.Q5_K, Type.Q6_K, Type.IQ4_NL, Type.IQ4_XS, Type.IQ3_S, Type.IQ3_XXS, Type.IQ2_S,
                 Type.IQ2_XS, Type.IQ2_XXS, Type.IQ1_M, Type.IQ1_S, Type.TQ1_0, Type.TQ2_0, Type.MXFP4, Type.NVFP4):
        block_bytes = GGML_QUANT_SIZES[kind][1]
        writer.add_tensor(kind.name.lower(), random.integers(0, 256, (2, block_bytes), dtype=numpy.uint8),
                          raw_dtype=kind)
    put("gguf", "types", written(writer))

    # A part of a split model, and metadata of every type.
    writer = gguf.GGUFWriter(None, "llama")
    writer.add_uint16("split.no", 0)
    writer.add_uint16("split.count", 2)
    writer.add_int32("split.tensors.count", 2)
    for number, add in enumerate([writer.add_uint8, writer.add_int8, writer.add_uint16, writer.add_int16,
                                  writer.add_uint32, writer.add_int32, writer.add_uint64, writer.add_int64,
                                  writer.add_float32, writer.add_float64, writer.add_bool]):
        add(f"number.{number}", 1)
    writer.add_string("text", "word")
    writer.add_array("texts", ["a", "b"])
    writer.add_array("numbers", [1, 2, 3])
    writer.add_array("arrays", [[1, 2], [3]])
    writer.add_tensor("a", numpy.ones((2, 3), numpy.float32))
    put("gguf", "split", written(writer))


def write_tokenizers():
    """The first byte says which form follows: see tokens_fuzzer.cpp."""
    for form, file in enumerate(("tokenizer.json", "tokenizer.model", "model.gguf")):
        for path in sorted((DATA / "tokens").glob(f"*/{file}")):
            put("tokens", f"{path.parent.name}_{path.suffix[1:]}", bytes([form]) + path.read_bytes())


def write_signatures():
    for name in ("llama", "gpt2"):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "model.azsig"
            call = [AZIMUTH, "signature", DATA / "architectures" / name, "--tokens", "1,2,7", "-o", file]
            subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
            put("signature", name, file.read_bytes())


def write_attestations():
    model = DATA / "architectures/llama"
    with tempfile.TemporaryDirectory() as folder:
        file, key = pathlib.Path(folder) / "audit.json", pathlib.Path(folder) / "key.pem"
        key.write_text(KEY)
        call = [AZIMUTH, "audit", "--base", model, "--release", model, "--attest", file, "--key", key]
        subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
        put("attestation", "envelope", file.read_bytes())
        put("attestation", "statement", base64.b64decode(json.loads(file.read_text())["payload"]))
        put("attestation", "private_key", KEY.encode())
        put("attestation", "public_key", subprocess.check_output(["openssl", "pkey", "-in", key, "-pubout"]))


def main():
    for file in (HERE / "corpus").glob("*/seed_*"):
        file.unlink()
    write_safetensors()
    write_configs_and_folders()
    write_adapters()
    write_ggufs()
    write_pytorch()
    write_tokenizers()
    write_signatures()
    write_attestations()
    for folder in sorted((HERE / "corpus").iterdir()):
        sizes = [file.stat().st_size for file in folder.iterdir()]
        print(f"{folder.name:12} {len(sizes):3} files, {sum(sizes):6} bytes, the largest {max(sizes)}")


if __name__ == "__main__":
    main()
