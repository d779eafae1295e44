#!/usr/bin/env python3
"""Makes stored_types.gguf: random bytes of each stored type and what the gguf package makes of them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy==2.4.6 gguf==0.19.0
    /tmp/venv/bin/python tests/data/gguf/make_stored_types.py

Three tensors a type: `q4_k`, two rows of it; `q4_k.numbers`, the same dequantised; `q4_k.steps`, how far neighbouring
levels are apart in each 16 numbers (the mean where the distance differs). Scales of the first row are of any size,
those of the second of the size that weights have.
"""
import pathlib

import gguf
import numpy
from gguf.constants import GGML_QUANT_SIZES
from gguf.constants import GGMLQuantizationType as Type

ROWS = 2
random = numpy.random.default_rng(20250207)


def at(block_bytes, *parts):
    """Bytes of a block: 0, but for pairs of where some lie and what they are."""
    block = numpy.zeros(block_bytes, numpy.uint8)
    for first, values in parts:
        block[first : first + len(values)] = list(values)
    return block


def every(kind, levels, first, count, high):
    """Levels that fill whole bytes: `levels` steps from all bits 0 to all bytes `high`."""
    size = GGML_QUANT_SIZES[kind][1]
    return at(size, (first, [255] * count)), at(size, (first, [high] * count)), levels


def entries(kind, levels, mask, high):
    size = GGML_QUANT_SIZES[kind][1]
    return at(size, *mask), at(size, *high), levels


SIGNS = [255, 255, 255, 15]  # four times seven, below a scale of four bits
IQ2_STEPS, IQ3_XXS_STEPS, IQ3_S_STEPS = 2 * 8 / (2 * 43 / 5), 2 * 4 / (2 * 62 / 15), 2 * 1 / 2

# Where the scales in float16 lie; then which bits are the levels, other values of these bits, and how many mean steps
# the levels lie between the two, of which the first is 0. Entry 0 of a codebook of magnitudes is the smallest of them.
LAYOUT = {
    Type.Q4_0: ([0], every(Type.Q4_0, 1, 2, 16, 0x11)),
    Type.Q4_1: ([0, 2], every(Type.Q4_1, 1, 4, 16, 0x11)),
    Type.Q5_0: ([0], every(Type.Q5_0, 1, 6, 16, 0x11)),
    Type.Q5_1: ([0, 2], every(Type.Q5_1, 1, 8, 16, 0x11)),
    Type.Q8_0: ([0], every(Type.Q8_0, 1, 2, 32, 0x01)),
    Type.Q2_K: ([80, 82], every(Type.Q2_K, 1, 16, 64, 0x55)),
    Type.Q3_K: ([108], every(Type.Q3_K, 1, 32, 64, 0x55)),
    Type.Q4_K: ([0, 2], every(Type.Q4_K, 1, 16, 128, 0x11)),
    Type.Q5_K: ([0, 2], every(Type.Q5_K, 1, 48, 128, 0x11)),
    Type.Q6_K: ([208], every(Type.Q6_K, 1, 0, 128, 0x11)),
    Type.IQ4_NL: ([0], every(Type.IQ4_NL, 15, 2, 16, 0xFF)),
    Type.IQ4_XS: ([0], every(Type.IQ4_XS, 15, 8, 128, 0xFF)),
    Type.IQ3_S: ([0], entries(Type.IQ3_S, IQ3_S_STEPS, [(2, [255] * 104)], [(74, [255] * 32)])),
    Type.IQ3_XXS: ([0], entries(Type.IQ3_XXS, IQ3_XXS_STEPS, [(2, [255] * 64), (66, SIGNS * 8)], [(66, SIGNS * 8)])),
    Type.IQ2_S: ([0], entries(Type.IQ2_S, IQ2_STEPS, [(2, [255] * 72)], [(34, [255] * 32)])),
    Type.IQ2_XS: ([0], entries(Type.IQ2_XS, IQ2_STEPS, [(2, [255] * 64)], [(2, [0, 254] * 32)])),
    Type.IQ2_XXS: ([0], entries(Type.IQ2_XXS, IQ2_STEPS, [(2, ([255] * 4 + SIGNS) * 8)], [(2, ([0] * 4 + SIGNS) * 8)])),
    Type.IQ1_M: ([], entries(Type.IQ1_M, 2, [(0, [255] * 48)], [(0, [255] * 32 + [0x77] * 16)])),
    Type.IQ1_S: ([0], entries(Type.IQ1_S, 2, [(2, [255] * 32 + [255, 143] * 8)], [(2, [255] * 32 + [255, 15] * 8)])),
    Type.TQ1_0: ([52], every(Type.TQ1_0, 1, 0, 52, 0x80)),
    Type.TQ2_0: ([64], every(Type.TQ2_0, 1, 0, 64, 0x55)),
    Type.MXFP4: ([], every(Type.MXFP4, 12 / (2 * 12 / 14), 1, 16, 0x77)),
    Type.NVFP4: ([], every(Type.NVFP4, 12 / (2 * 12 / 14), 4, 32, 0x77)),
}


def float16_scales(blocks):
    """Of either sign: of the first row from subnormal to large, of the other about 0.01."""
    scales = random.standard_normal((ROWS, blocks, 1)) * 10.0 ** random.uniform(-7, 4, (ROWS, blocks, 1))
    scales[1:] = numpy.copysign(random.uniform(0.005, 0.02, scales[1:].shape), scales[1:])
    return scales.astype(numpy.float16).view(numpy.uint8)


def random_blocks(kind):
    """Every byte random, but for the scale of all numbers of a block."""
    numbers, size = GGML_QUANT_SIZES[kind]
    blocks = 2 if kind not in (Type.MXFP4, Type.NVFP4) else 4
    data = random.integers(0, 256, (ROWS, blocks, size), dtype=numpy.uint8)
    for first in LAYOUT[kind][0]:
        data[:, :, first : first + 2] = float16_scales(blocks)
    if kind == Type.IQ1_M:  # four bits of it above each four small scales
        words = data[:, :, 48:].view(numpy.uint16)
        scale = float16_scales(blocks).view(numpy.uint16)
        words[:] = (words & 0xFFF) | (scale >> numpy.array([0, 4, 8, 12], numpy.uint16) << 12)
    if kind == Type.MXFP4:  # exponents: subnormal, and the largest of which every level is finite
        data[0, :, 0] = [0, 1, 2, 252]
        data[1:, :, 0] %= 8
        data[1:, :, 0] += 117
    if kind == Type.NVFP4:  # zero, subnormal, the largest, not a number, and a sign, which is not looked at
        data[0, :2, :4] = [[0, 1, 7, 8], [0x7E, 0x7F, 0x80, 0xFF]]
        data[1:, :, :4] %= 64
    return data


def steps(kind, blocks):
    mask, high, levels = LAYOUT[kind][1]
    ends = [gguf.dequantize(((blocks & ~mask) | value).reshape(ROWS, -1), kind) for value in (0 * high, high)]
    return (abs(ends[1].astype(numpy.float64) - ends[0]) / levels).astype(numpy.float32)[:, ::16]


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
