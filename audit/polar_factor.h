#pragma once

#include <Eigen/Core>

#include "azimuth/workers.h"

namespace azimuth {

/// The orthogonal factor of the polar decomposition, `M (MᵀM)^-1/2`, or `(MMᵀ)^-1/2 M` where M is
/// wide: singular values become 1. Those below some 1e-5 of the largest become less, down to 0:
/// what float32 does not determine is left out. Empty where M is 0 or not finite.
///
/// Newton–Schulz, scaled by the bounds of the singular values (Chen, Chow, "A stable scaling of
/// Newton-Schulz for improving the sign function computation of a Hermitian matrix", 2014):
/// products alone, so that all cores work; and as the polynomial is always the same, it ends,
/// whatever M is.
Eigen::MatrixXf polar_factor(const Eigen::MatrixXf& m, Workers& workers);

}  // namespace azimuth
