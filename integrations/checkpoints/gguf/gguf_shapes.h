#pragma once

#include <cstdint>

#include "azimuth/tensor_view.h"

namespace azimuth {

/// Gives tensors of state spaces, shared experts and latent attention of so many heads the shapes
/// that matrices and vectors have in Transformers, where llama.cpp's converters add a dimension, or
/// its tools take one of 1 away.
void restore_shapes(std::int64_t heads, NamedTensors& tensors);

/// Of a table of per-layer inputs that Gemma 3n's converter has filled up with rows of zeros, for
/// tokens that have none: they take the first row, and not zeros.
void leave_padding_out(NamedTensors& tensors);

}  // namespace azimuth
