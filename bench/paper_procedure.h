#pragma once

#include <Eigen/Core>
#include <cstdint>

#include "azimuth/model_weights.h"

namespace azimuth::bench {

/// What the paper's authors do for one block (their section 4), and what each part of it takes.
struct PaperResult {
  Eigen::VectorXd direction;  ///< leading left singular vector of L
  double fit_seconds = 0;     ///< samples through the FFN, least squares, L
  double svd_seconds = 0;
  double eigen_seconds = 0;  ///< full eigendecomposition of R; 0 if it was left out
  double seconds() const { return fit_seconds + svd_seconds + eigen_seconds; }
};

/// `samples` Gaussian vectors through the block's FFN, a least-squares fit of a d × d matrix, the
/// dense L, its full singular value decomposition, and the full eigendecomposition of L - I. In
/// float32 with LibTorch's BLAS and LAPACK on all of its threads; the fit by normal equations,
/// which is the fastest way. A sequential LLaMA-like block only.
PaperResult paper_procedure(const ModelWeights& weights, const BlockWeights& block,
                            std::int64_t samples, std::uint64_t seed, bool with_eigen);

}  // namespace azimuth::bench
