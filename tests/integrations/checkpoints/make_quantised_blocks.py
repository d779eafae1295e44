#!/usr/bin/env python3
"""Makes quantised_blocks.h: random bytes of each stored type and what the gguf package makes of them.

    make_quantised_blocks.py > quantised_blocks.h && clang-format -i quantised_blocks.h

Needs the PyPI packages numpy and gguf (made with 2.4.6 and 0.19.0).
"""
import gguf
import numpy
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

random = numpy.random.default_rng(20250207)


def scales(count):
    """Random float16 scales of either sign, from subnormal to large."""
    return (random.standard_normal(count) * 10.0 ** random.uniform(-7, 4, count)).astype(numpy.float16)


def random_bytes(kind, rows):
    blocks = random.integers(0, 256, (rows, 2, GGML_QUANT_SIZES[kind][1]), dtype=numpy.uint8)
    if kind == GGMLQuantizationType.Q4_1:
        blocks[:, :, :4] = scales(rows * 4).reshape(rows, 2, 2).view(numpy.uint8)
    if kind == GGMLQuantizationType.Q8_0:
        blocks[:, :, :2] = scales(rows * 2).reshape(rows, 2, 1).view(numpy.uint8)
    return blocks.reshape(rows, -1)


def halves(special):
    """Rows of 16: special values, then random bit patterns."""
    bits = random.integers(0, 65536, 64, dtype=numpy.uint16)
    bits[: len(special)] = special
    return bits.reshape(4, 16).view(numpy.uint8)


def show(numbers, form):
    return ", ".join(form.format(int(number)) for number in numbers.reshape(-1))


print("#pragma once\n\n// Made by make_quantised_blocks.py.\n\n#include <cstdint>\n\nnamespace azimuth::testing {\n")
for kind, data in [
    # zeros, subnormals, the smallest normal number, the largest number, infinities, not a number
    (GGMLQuantizationType.F16, halves([0, 0x8000, 1, 0x83FF, 0x0400, 0x7BFF, 0x7C00, 0xFC00, 0x7E01])),
    (GGMLQuantizationType.BF16, halves([0, 0x8000, 1, 0x807F, 0x0080, 0x7F7F, 0x7F80, 0xFF80, 0x7FC1])),
    (GGMLQuantizationType.Q4_1, random_bytes(GGMLQuantizationType.Q4_1, 2)),
    (GGMLQuantizationType.Q8_0, random_bytes(GGMLQuantizationType.Q8_0, 2)),
]:
    numbers = gguf.dequantize(data, kind).astype(numpy.float32)
    name = kind.name.lower()
    print(f"// {numbers.shape[0]} rows of {numbers.shape[1]} numbers; below, the float32 bits of each.")
    print(f"inline constexpr std::uint8_t {name}_bytes[] = {{{show(data, '{}')}}};")
    print(f"inline constexpr std::uint32_t {name}_numbers[] = {{{show(numbers.view(numpy.uint32), '0x{:x}')}}};\n")
print("}  // namespace azimuth::testing")
