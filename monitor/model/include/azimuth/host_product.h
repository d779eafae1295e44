#pragma once

#include <Eigen/Core>

namespace azimuth {

// Products of matrices in host memory, on the calling thread alone, by the widest instructions that
// the machine has: for whoever shares out the work himself. Sizes must fit.

/// `Y = AᵀX`.
void multiply_transposed(const Eigen::Ref<const Eigen::MatrixXf>& A,
                         const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y);

/// `Y += AX`.
void add_product(const Eigen::Ref<const Eigen::MatrixXf>& A,
                 const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y);

}  // namespace azimuth
