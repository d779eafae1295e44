#!/usr/bin/env python3
"""Makes stored_types.gguf: random bytes of each stored type and what the gguf package makes of them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy==2.4.6 gguf==0.19.0
    /tmp/venv/bin/python tests/data/gguf/make_stored_types.py

Three tensors a type: `q4_k`, two rows of it; `q4_k.numbers`, the same dequantised; `q4_k.steps`, how far neighbouring
levels are apart at each number (the mean where the distance differs).
"""
import pathlib

import gguf
import numpy
from gguf.constants import GGML_QUANT_SIZES
from gguf.constants import GGMLQuantizationType as Type

ROWS, BLOCKS = 2, 2
random = numpy.random.default_rng(20250207)

# Where the scales in float16 lie, and where the low bits of all levels do, with a byte that makes each of them 1.
LAYOUT = {
    Type.Q4_0: ([0], slice(2, 18), 0x11),
    Type.Q4_1: ([0, 2], slice(4, 20), 0x11),
    Type.Q5_0: ([0], slice(6, 22), 0x11),
    Type.Q5_1: ([0, 2], slice(8, 24), 0x11),
    Type.Q8_0: ([0], slice(2, 34), 0x01),
    Type.Q2_K: ([80, 82], slice(16, 80), 0x55),
    Type.Q3_K: ([108], slice(32, 96), 0x55),
    Type.Q4_K: ([0, 2], slice(16, 144), 0x11),
    Type.Q5_K: ([0, 2], slice(48, 176), 0x11),
    Type.Q6_K: ([208], slice(0, 128), 0x11),
    Type.IQ4_NL: ([0], slice(2, 18), 0xFF),
}


def random_blocks(kind):
    """Every byte random; scales of either sign, from subnormal to large."""
    blocks = random.integers(0, 256, (ROWS, BLOCKS, GGML_QUANT_SIZES[kind][1]), dtype=numpy.uint8)
    for at in LAYOUT[kind][0]:
        scales = random.standard_normal((ROWS, BLOCKS, 1)) * 10.0 ** random.uniform(-7, 4, (ROWS, BLOCKS, 1))
        blocks[:, :, at : at + 2] = scales.astype(numpy.float16).view(numpy.uint8)
    return blocks


def steps(kind, blocks):
    _, low_bits, one = LAYOUT[kind]
    ends = []
    for value in (0, one):
        changed = blocks.copy()
        changed[:, :, low_bits] = value
        ends.append(gguf.dequantize(changed.reshape(ROWS, -1), kind).astype(numpy.float64))
    levels = 15 if kind == Type.IQ4_NL else 1
    return (abs(ends[1] - ends[0]) / levels).astype(numpy.float32)


def halves(special):
    """Rows of 16: special values, then random bit patterns."""
    bits = random.integers(0, 65536, 64, dtype=numpy.uint16)
    bits[: len(special)] = special
    return bits.reshape(4, 16).view(numpy.uint8)


writer = gguf.GGUFWriter(pathlib.Path(__file__).with_name("stored_types.gguf"), "none")
for kind, data in [
    # zeros, subnormals, the smallest normal number, the largest number, infinities, not a number
    (Type.F16, halves([0, 0x8000, 1, 0x83FF, 0x0400, 0x7BFF, 0x7C00, 0xFC00, 0x7E01])),
    (Type.BF16, halves([0, 0x8000, 1, 0x807F, 0x0080, 0x7F7F, 0x7F80, 0xFF80, 0x7FC1])),
    *((kind, random_blocks(kind)) for kind in LAYOUT),
]:
    name = kind.name.lower()
    rows = data.reshape(data.shape[0], -1)
    writer.add_tensor(name, rows, raw_dtype=kind)
    writer.add_tensor(f"{name}.numbers", gguf.dequantize(rows, kind).astype(numpy.float32))
    if kind in LAYOUT:
        writer.add_tensor(f"{name}.steps", steps(kind, data))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
