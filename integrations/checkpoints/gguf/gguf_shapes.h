#pragma once

#include "azimuth/tensor_view.h"

namespace azimuth {

/// Gives tensors of state spaces and shared experts the shapes that Transformers has, where
/// llama.cpp's converters add a dimension, or its tools take one of 1 away.
void restore_shapes(NamedTensors& tensors);

/// Of a table of per-layer inputs that Gemma 3n's converter has filled up with rows of zeros, for
/// tokens that have none: they take the first row, and not zeros.
void leave_padding_out(NamedTensors& tensors);

}  // namespace azimuth
