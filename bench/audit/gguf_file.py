"""Writes a model (models.py) of the family `llama` as a GGUF file, in the types that the package `gguf` can make."""

import gguf
import torch

TYPES = ("F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "MXFP4")


def interleaved(weight, heads):
    """GGUF's order of rows of Q and K, whose rotary positions turn neighbours."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def write(model, folder, kind, tokens):
    """Norms stay float32; a matrix whose rows are no whole number of blocks becomes F16, as llama.cpp has it."""
    folder.mkdir(parents=True)
    out = gguf.GGUFWriter(folder / "model.gguf", "llama")
    config = model.config
    out.add_block_count(model.depth)
    out.add_context_length(config["max_position_embeddings"])
    out.add_embedding_length(model.width)
    out.add_feed_forward_length(config["intermediate_size"])
    out.add_head_count(model.heads)
    out.add_head_count_kv(model.kv_heads)
    out.add_layer_norm_rms_eps(config["rms_norm_eps"])
    out.add_rope_dimension_count(config["head_dim"])
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("gpt2")
    out.add_token_list(tokens)
    out.add_token_types([gguf.TokenType.NORMAL] * len(tokens))
    names = {"embedding": "token_embd", "norm": "output_norm", "head": "output"}
    for block in model.blocks():
        names |= {f"{block}.attention_norm": f"blk.{block}.attn_norm", f"{block}.ffn_norm": f"blk.{block}.ffn_norm",
                  f"{block}.o": f"blk.{block}.attn_output", **{f"{block}.{x}": f"blk.{block}.attn_{x}" for x in "qkv"},
                  **{f"{block}.0.{x}": f"blk.{block}.ffn_{x}" for x in ("gate", "up", "down")}}
    kind = gguf.GGMLQuantizationType[kind]
    block_size, _ = gguf.GGML_QUANT_SIZES[kind]
    for role, tensor in model.t.items():
        tensor = tensor.float()
        if role.endswith((".q", ".k")):
            tensor = interleaved(tensor, model.heads if role.endswith("q") else model.kv_heads)
        array = tensor.contiguous().numpy()
        used = kind
        if tensor.dim() == 1:
            used = gguf.GGMLQuantizationType.F32
        elif array.shape[1] % block_size:
            used = gguf.GGMLQuantizationType.F16
        out.add_tensor(names[role] + ".weight", gguf.quants.quantize(array, used), raw_dtype=used)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
