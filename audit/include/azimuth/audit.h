#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/model_info.h"
#include "azimuth/model_weights.h"
#include "azimuth/progress.h"
#include "azimuth/signature.h"
#include "azimuth/workers.h"

namespace azimuth {

/// What an audit says (docs/audit.md). None of them tells which of two models came first.
enum class Verdict {
  /// The release is not independent of the base's initialisation: the corrected p-value is at most
  /// the rate, and the share of neurons does not speak against it.
  match,
  /// No exact test decides, and the share of neurons does. There is no probability for it.
  match_empirical,
  /// No trace of the base under the disguises that the tests survive. Not a proof of independence.
  no_match,
  inconclusive,
};

/// One FFN, or one expert of a mixture. Of tests of values, the block alone counts; of those of
/// coordinates, neither.
struct FfnPlace {
  std::int64_t block = 0;   ///< from 1
  std::int64_t expert = 0;  ///< from 0
  bool operator==(const FfnPlace&) const = default;
};

/// One of the three exact tests, at the pair of places where its p-value is least.
struct OrderTest {
  std::string_view test = {};  ///< one of `order_test`
  std::int64_t count = 0;      ///< how many of this kind the correction counts
  std::int64_t made = 0;       ///< how many gave a p-value
  std::string no_p = {};       ///< why some or all gave none; empty: they did
  FfnPlace base = {};
  FfnPlace release = {};
  bool mapped = false;                        ///< after the orthogonal map, rather than as they are
  std::int64_t matched = 0;                   ///< mutual nearest neighbours
  std::int64_t in_order = 0;                  ///< of these, the longest run in the base's order
  double log10_p = kNotApplicable;            ///< at most this; underflows as a plain number
  double log10_corrected_p = kNotApplicable;  ///< times `Audit::tests`
};

namespace order_test {
inline constexpr std::string_view coordinates = "coordinates";
inline constexpr std::string_view neurons = "neurons";
inline constexpr std::string_view values = "values";
}  // namespace order_test

/// Of the neurons of one FFN of the base, those whose gate rows and up rows find the same neuron.
struct NeuronShare {
  FfnPlace base = {};
  FfnPlace release = {};  ///< where most agree
  bool mapped = false;
  std::int64_t neurons = 0;  ///< looked at
  std::int64_t agreeing = 0;
  double share = 0;                ///< agreeing / neurons
  double cosine = kNotApplicable;  ///< median, of the agreeing gate rows; less than 1 in a merge
  double control = 0;              ///< the largest share with any other FFN of the release
};

/// Whether tokens of one id have embeddings that correspond, but for an orthogonal map.
struct EmbeddingAlignment {
  std::int64_t shared_tokens = 0;  ///< ids below the smaller vocabulary
  std::int64_t fitted_tokens = 0;
  /// Mean cosine of mapped and actual embeddings of tokens that were not fitted, less that of
  /// different tokens.
  double similarity = kNotApplicable;
  bool aligned = false;
};

struct Audit {
  Verdict verdict = Verdict::inconclusive;
  ModelInfo base;          ///< with its digest
  ModelInfo release;       ///< with its digest
  double rate = 0;         ///< of AuditOptions
  std::int64_t tests = 0;  ///< that the correction counts, all that the call may make
  double log10_corrected_p = kNotApplicable;  ///< the least of `exact`; NaN: no test gave one
  std::vector<OrderTest> exact;               ///< the three kinds, in the order of `order_test`
  std::vector<NeuronShare> shares;            ///< by FFN of the base; empty in a plain FFN
  double share = kNotApplicable;              ///< the largest of `shares`; NaN: there is none
  EmbeddingAlignment embeddings;
};

struct AuditOptions {
  double rate = 1e-6;  ///< how often MATCH may be wrong about an independent release
};

/// Thresholds of the empirical tier (docs/audit.md).
inline constexpr double kMatchShare = 0.2;
inline constexpr std::int64_t kMatchNeurons = 30;
inline constexpr double kNoMatchShare = 0.1;

/// What `audit` concludes from the evidence alone: `log10_corrected_p`, `rate`, `shares`, `share`
/// and `embeddings`.
Verdict verdict_of(const Audit& evidence);

/// Whether the weights of `release` were made from those of `base` (docs/audit.md). Reads both, on
/// `workers`; beside them it takes less memory than three blocks in float32. The same in every
/// call, with any number of threads. Throws std::invalid_argument for a rate outside (0, 1),
/// std::out_of_range for a snapshot that holds just some rows of its embedding, and `Cancelled`.
///
///     Workers workers(2);
///     const Audit a = audit(open_model("base"), open_model("release"), {}, workers);
///     if (a.verdict == Verdict::match) std::printf("p <= 10^%.0f\n", a.log10_corrected_p);
Audit audit(const ModelWeights& base, const ModelWeights& release, const AuditOptions& options,
            Workers& workers, Progress* progress = nullptr);

}  // namespace azimuth
