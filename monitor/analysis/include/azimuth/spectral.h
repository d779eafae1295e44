#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <string_view>
#include <vector>

#include "azimuth/analysis.h"
#include "azimuth/model_weights.h"
#include "azimuth/observation.h"
#include "azimuth/workers.h"

namespace azimuth {

/// Where the iterations of `add_spectral` start, by block from 1 (index 0 is block 1): what the
/// last call left, approximations of the leading left singular vectors. Empty at first, and where a
/// block had nothing to leave. Weights of another shape make it worthless, never wrong.
struct SpectralStart {
  std::vector<Eigen::MatrixXd> block;  ///< of L
  std::vector<Eigen::MatrixXd> ffn;    ///< of F; only explosion blocks have any
};

/// The vectors that angles are taken to, by block from 1 (index 0 is block 1); empty where a block
/// has none.
struct SpectralVectors {
  std::vector<Eigen::VectorXd> singular;  ///< the leading left singular vector of L
  std::vector<Eigen::MatrixXd> eigen;     ///< of R, at decay blocks: orthonormal, one column or two
};

/// What one call cost.
struct SpectralCost {
  /// By block from 1: products with L, R or F, or a transpose of them: of four vectors at once for
  /// singular triples, of one for eigenpairs. A product with L or R reads the block's weights once.
  /// The fit of the FFN and what `gain_error` takes come on top.
  std::vector<std::int64_t> products;
};

/// Fills in what the linear approximation of each block says (docs/method.md, 3 and 4; the paper's
/// section 4): `blocks[1..n].singular` everywhere, `rayleigh` and `gain_error` where a block has a
/// stage, `eigen` at decay blocks, `ffn` at explosion blocks, and of mixtures `spectral_experts`.
/// Nothing is sampled and no d × d matrix is formed.
///
/// `trail` is what `analyse` gives with `observation`, whose `step` must be set, since
/// `singular.step` takes it. Angles are in degrees and acute; those to a direction that does not
/// exist are NaN.
///
/// Iterations that do not converge say so (`converged`, `residual`) and do not throw. Weights that
/// are not finite, and blocks to which the approximation does not apply, leave everything NaN, and
/// `spectral_reason` says why. A limit on values (`qkv_clip`) and all biases
/// are no part of the approximation; those of the FFN count in its fit, and N_2's bias and the
/// FFN's in `ffn.output_norm_*`, which are norms of the true output, through the block's output
/// norm where it has one.
///
/// `vectors`, if not null, receives them. `start`, if not null, is where iterations begin, and
/// receives where the next call's should: from one snapshot to the next the products fall to a few
/// a block. The figures do not depend on it beyond their residuals, with one exception: a direction
/// that comes up at a right angle to the start is found only once it stands out. A block is a part
/// of `progress`; where that ends the work, the blocks up to there are filled in. One call at a
/// time with the same `start` and `workers`.
///
///     AnalysisTrail trail;
///     Observation o = analyse(weights, options, workers, &trail);
///     add_spectral(weights, trail, o, workers, &start);
SpectralCost add_spectral(const ModelWeights& weights, const AnalysisTrail& trail,
                          Observation& observation, Workers& workers,
                          SpectralStart* start = nullptr, Progress* progress = nullptr,
                          SpectralVectors* vectors = nullptr);

/// Where `add_spectral` is not called: every block of `observation` says why.
void leave_out_spectral(Observation& observation, std::string_view reason);

/// Gives `observation` the figures that `add_spectral` filled in for `blocks`, those of an earlier
/// snapshot, or why there are none: `singular.step` says which. Does nothing for a model of another
/// number of blocks.
void repeat_spectral(const std::vector<BlockObservation>& blocks, Observation& observation);

}  // namespace azimuth
