"""Prints the bfloat16 digest of a LLaMA in one safetensors file, from ModelWeights::bfloat16_digest's description alone.

    python3 bfloat16_digest.py FOLDER

With PyTorch, which does the rounding then, where it can be imported; else by arithmetic, slowly.
"""

import hashlib
import json
import math
import struct
import sys
from pathlib import Path

try:
    import torch
except ImportError:
    torch = None

MODEL = ["model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"]
NAMES = ["token_embedding", "final_norm_weight", "head_weight"]
BLOCK = {"input_layernorm": "attention_norm_weight", "self_attn.q_proj": "query_weight", "self_attn.k_proj": "key_weight",
         "self_attn.v_proj": "value_weight", "self_attn.o_proj": "output_weight", "post_attention_layernorm": "ffn_norm_weight",
         "mlp.gate_proj": "gate_weight", "mlp.up_proj": "up_weight", "mlp.down_proj": "down_weight"}


def rounded(value):
    """The two bytes of a float's nearest bfloat16: eight bits of mantissa, and -133 the least exponent of one bit."""
    if math.isnan(value):
        return struct.pack("<H", 0x7fc0)
    if not math.isinf(value):
        exponent = max(math.frexp(value)[1] - 8, -133)
        value = math.copysign(math.ldexp(round(math.ldexp(value, -exponent)), exponent), value)  # of halves to even
        if abs(value) >= 2.0 ** 128:
            value = math.copysign(math.inf, value)
    return struct.pack("<f", value)[2:]


def rounded_bytes(raw, dtype):
    if torch is not None:
        stored = torch.frombuffer(bytearray(raw), dtype={"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[dtype])
        narrow = stored.to(torch.float32).to(torch.bfloat16)
        narrow[torch.isnan(narrow)] = math.nan
        return narrow.view(torch.int16).numpy().tobytes()
    if dtype == "BF16":
        raw, dtype = b"".join(b"\0\0" + raw[i:i + 2] for i in range(0, len(raw), 2)), "F32"
    letter = {"F32": "f", "F16": "e"}[dtype]
    return b"".join(map(rounded, struct.unpack(f"<{len(raw) // struct.calcsize(letter)}{letter}", raw)))


file = (Path(sys.argv[1]) / "model.safetensors").read_bytes()
length, = struct.unpack("<Q", file[:8])
header = {name: entry for name, entry in json.loads(file[8:8 + length]).items() if name != "__metadata__"}
blocks = 1 + max(int(name.split(".")[2]) for name in header if name.startswith("model.layers."))
places = [(role, 0, name) for role, name in zip(NAMES, MODEL) if name in header]
places += [(role, block + 1, f"model.layers.{block}.{name}.weight") for block in range(blocks) for name, role in BLOCK.items()]

entries = []
for role, block, name in places:
    begin, end = (8 + length + offset for offset in header[name]["data_offsets"])
    shape = header[name]["shape"]
    entries.append((role, block, shape, hashlib.sha256(rounded_bytes(file[begin:end], header[name]["dtype"])).hexdigest()))
embedding = entries[0]
entries = [e for e in entries if e[0] != "head_weight" or e[2:] != embedding[2:]]
print(hashlib.sha256("".join(f"{role} {block} {{{', '.join(map(str, shape))}}} {digest}\n"
                             for role, block, shape, digest in entries).encode()).hexdigest())
