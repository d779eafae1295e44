#pragma once

#include <Eigen/Core>

#include "azimuth/linear_map.h"
#include "azimuth/workers.h"

namespace azimuth {

/// `W X` as symmetric int8 gives it: each number of `W` and of `X` is rounded to a multiple of a
/// scale, half to even. That of the matrix is its largest number (absolute) / 127; `largest` / 127
/// is that of the inputs.
Eigen::MatrixXf int8_product(const LinearMap& map, const Eigen::MatrixXf& X, float largest,
                             Workers& workers);

}  // namespace azimuth
