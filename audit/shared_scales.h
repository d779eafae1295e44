#pragma once

#include <Eigen/Core>

namespace azimuth {

/// Whether the numbers of each column look as if they had been stored with one scale for every 16
/// neighbours or more (GGUF's types and their like) and then written as floats: in most runs of 16
/// they lie on a grid of up to 300 even steps, or repeat each other. False of floats as training
/// leaves them, bfloat16 ones too. Rounding to half precision leaves the grid to be seen; that of 8
/// bits is gone after rounding to bfloat16.
bool share_scales(const Eigen::MatrixXf& columns);

}  // namespace azimuth
