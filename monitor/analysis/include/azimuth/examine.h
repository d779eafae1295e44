#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "azimuth/analysis.h"
#include "azimuth/clock.h"
#include "azimuth/model_weights.h"
#include "azimuth/observation.h"
#include "azimuth/progress.h"
#include "azimuth/signature.h"
#include "azimuth/spectral.h"
#include "azimuth/workers.h"

namespace azimuth {

/// What of a model is examined beside the single-token pass, and what from an earlier snapshot
/// helps.
struct ExamineOptions {
  /// The probe's ids, and the hysteresis of an earlier snapshot. Without ids: the default probe, of
  /// the architecture's special ids.
  AnalysisOptions analysis = {};
  std::int64_t step = 0;        ///< that the figures are said to be of
  bool spectral = true;         ///< singular directions and eigenvalues: the dearest part
  bool vocabulary = false;      ///< which tokens explode at any position; needs every embedding
  bool noise_floor = true;      ///< costs kNoiseFloorPasses passes
  bool digest = true;           ///< reads every weight once
  bool bfloat16_digest = true;  ///< beside `digest`, and dearer: hashes two bytes a weight
  /// Where `noise_floor` is set: whether it is needed for this observation; null: always.
  std::function<bool(const Observation&)> needs_noise_floor = {};
  SpectralStart* spectral_start = nullptr;      ///< see `add_spectral`
  SpectralVectors* spectral_vectors = nullptr;  ///< see `add_spectral`
  const Clock* clock = nullptr;                 ///< null: the system's
};

struct Examination {
  /// With time and cost of the examination; without what needs a history: run, angles, state,
  /// events.
  Observation observation;
  double noise_floor_degrees = kNotApplicable;
  /// By block from 0: indices of the probe's high-norm tokens, for the next snapshot's hysteresis.
  std::vector<std::vector<std::int32_t>> high_norm_tokens = {};
  /// As in AnalysisTrail: what a tracker goes by.
  double peak_ratio = kNotApplicable;
  bool finite = true;  ///< hidden states were; else see Observation::nonfinite
  double pass_cpu_seconds = 0;
  double spectral_cpu_seconds = 0;

  Signature signature() const { return signature_of(observation, noise_floor_degrees); }
};

/// All that weights alone say of a model, in the one order in which it can be had: single-token
/// pass and stages, spectral figures, vocabulary, noise floor, digest. The monitor and the program
/// `azimuth` both call this. Of `progress` a block, a pass of a block and a tile of the vocabulary
/// are parts. Throws std::out_of_range for an id outside the vocabulary, Cancelled. One call at a
/// time with the same `workers` and `spectral_start`.
///
///     Workers workers(2);
///     const Examination examined = examine(open_model("SmolLM2-135M"), {}, workers);
///     write_signature("smollm2.azsig", examined.signature());
Examination examine(const ModelWeights& weights, const ExamineOptions& options, Workers& workers,
                    Progress* progress = nullptr);

}  // namespace azimuth
