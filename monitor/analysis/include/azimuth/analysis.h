#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

#include "azimuth/model_weights.h"
#include "azimuth/observation.h"
#include "azimuth/progress.h"
#include "azimuth/thresholds.h"
#include "azimuth/workers.h"

namespace azimuth {

/// Token ids of a probe, unless somebody asks for more or fewer.
inline constexpr std::int64_t kDefaultProbeSize = 32;

/// The probe's token ids: the special ids, then ids spread evenly over the vocabulary, `size` in
/// all (all special ids, if there are more). Where `special` is empty, ids 0 to 7 stand for them.
/// See docs/method.md, 1.
std::vector<std::int64_t> default_probe(std::span<const std::int64_t> special,
                                        std::int64_t vocab_size, std::int64_t size);

/// What the single-token pass gives (docs/method.md, 1; the paper's section 3 without its data).
template <class Scalar>
struct HiddenStates {
  /// By block from 0: hidden_size × tokens, the true hidden states of initial tokens.
  std::vector<Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>> initial;
  /// By block from 0: norm of each token with all attention set to zero, what it does by itself.
  std::vector<Eigen::VectorXd> zero_attention_norms;
  /// How often an expert of a mixture was multiplied with the tokens that take it. With no others:
  /// of an expert that no token takes nothing is read.
  std::int64_t expert_products = 0;

  bool finite() const;
};

/// Runs tokens through the model as sequences of one token each, with and without attention, in one
/// sweep of the weights. Products and sums are of type `Scalar` (float or double). A block is a
/// part of `progress`. Throws std::out_of_range for an unknown id, Cancelled.
template <class Scalar>
HiddenStates<Scalar> single_token_pass(const ModelWeights& weights,
                                       std::span<const std::int64_t> token_ids, Workers& workers,
                                       Progress* progress = nullptr);

struct AnalysisOptions {
  std::vector<std::int64_t> token_ids;
  Thresholds thresholds = {};
  /// Hysteresis: by block, the tokens (indices) that were high-norm in the last snapshot stay so
  /// down to 0.8 × the threshold.
  std::vector<std::vector<std::int32_t>> previous_high_norm_tokens = {};
  /// A provisional direction was known in the last snapshot: it is kept down to 0.8 ×
  /// `emerging_ratio`.
  bool was_emerging = false;
  /// By block from 0: median norms of real activations, as the reference that ratios are given
  /// against. Which tokens are high-norm is decided against the zero-attention pass all the same.
  /// Empty: that pass is the reference.
  std::vector<double> activation_norms = {};
};

/// What an observation was made from.
struct AnalysisTrail {
  HiddenStates<float> states;
  /// By block from 0: indices of the probe's high-norm tokens, for the next snapshot's hysteresis.
  std::vector<std::vector<std::int32_t>> high_norm_tokens;
  /// Of the observation, against the zero-attention pass whatever its reference: what states go by.
  double peak_ratio = kNotApplicable;
};

/// One observation without what needs a history: run, step, angles, state, events and cost stay as
/// they are by default. Nor are the figures of `add_spectral` in it. `trail` may be null.
/// Weights that are not finite give norms that are not, and no stage. Throws Cancelled,
/// std::out_of_range.
Observation analyse(const ModelWeights& weights, const AnalysisOptions& options, Workers& workers,
                    AnalysisTrail* trail = nullptr, Progress* progress = nullptr);

/// Which tokens explode wherever they stand: the zero-attention pass over the whole vocabulary, in
/// tiles of tokens. A token is listed if its norm reaches `threshold` times the reference norm of
/// `observation` at some block, with its largest ratio, largest first (docs/method.md, 1; the
/// paper's non-initial tokens). Of `progress` it is `vocabulary_pass_tiles` parts. Costs about
/// vocab_size / probe size single-token passes. The weights must hold every embedding: a file's do,
/// a training snapshot's do not (std::out_of_range).
VocabularyPass vocabulary_pass(const ModelWeights& weights, const Observation& observation,
                               double threshold, Workers& workers, Progress* progress = nullptr);
std::int64_t vocabulary_pass_tiles(const ModelWeights& weights);

/// What the method cannot resolve of the direction in `observation`, in degrees: the larger of the
/// turn from float32 to float64 and the turn when every weight is moved by half a unit of its
/// stored type, the worst of three draws (docs/method.md, 6). NaN without a direction. The
/// hysteresis in `options` should be that of `observation` itself. Makes kNoiseFloorPasses passes,
/// that in float64 twice as dear as the others.
inline constexpr std::int64_t kNoiseFloorPasses = 4;
double noise_floor_degrees(const ModelWeights& weights, const Observation& observation,
                           const AnalysisOptions& options, Workers& workers,
                           Progress* progress = nullptr);

}  // namespace azimuth
