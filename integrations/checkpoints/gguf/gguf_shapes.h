#pragma once

#include "azimuth/tensor_view.h"

namespace azimuth {

/// Gives tensors of state spaces and shared experts the shapes that Transformers has, where
/// llama.cpp's converters add a dimension, or its tools take one of 1 away.
void restore_shapes(NamedTensors& tensors);

}  // namespace azimuth
