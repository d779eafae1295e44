#pragma once

#include <Eigen/Core>

#include "azimuth/workers.h"

namespace azimuth {

/// `Aᵀ`, piece by piece: element by element it would take as long as a product.
Eigen::MatrixXf transposed(const Eigen::MatrixXf& a);

/// `AᵀB`, on all workers, by the widest instructions that the machine has; the same with any number
/// of threads.
Eigen::MatrixXf transposed_product(const Eigen::MatrixXf& a, const Eigen::MatrixXf& b,
                                   Workers& workers);

/// `AᵀA`, both halves of it exactly alike.
Eigen::MatrixXf gram_matrix(const Eigen::MatrixXf& a, Workers& workers);

}  // namespace azimuth
