#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "azimuth/direction_evidence.h"
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
std::string_view name_of(Verdict verdict);  ///< "MATCH", ...

/// One FFN, or one expert of a mixture. Of tests of values, the block alone counts; of those of
/// coordinates, neither.
struct FfnPlace {
  std::int64_t block = 0;   ///< from 1
  std::int64_t expert = 0;  ///< from 0
  bool operator==(const FfnPlace&) const = default;
};

/// Two vectors that are each other's nearest.
struct RowPair {
  std::int64_t base = 0;     ///< index among those of the base that are looked at, in its order
  std::int64_t release = 0;  ///< index among all of the release
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
  /// The matches, by ascending row of the release; not of values.
  std::vector<RowPair> pairs = {};
};

namespace order_test {
inline constexpr std::string_view coordinates = "coordinates";
inline constexpr std::string_view neurons = "neurons";
inline constexpr std::string_view values = "values";
}  // namespace order_test

/// An FFN of the base and that of the release which is most like it.
struct GramPair {
  FfnPlace base = {};
  FfnPlace release = {};
  /// Centred kernel alignment (Kornblith et al. 2019) of the gate rows' cosines with each other,
  /// and of the up rows'; in a plain FFN of first-layer rows and output columns.
  double first_alignment = kNotApplicable;
  double second_alignment = kNotApplicable;
  double p = kNotApplicable;  ///< the share of orders of the neurons that are aligned as well
};

/// Whether neurons that come at one index in both models relate to the other neurons alike. Needs
/// no map between the residual streams, and so neither embeddings nor one hidden size.
struct GramTest {
  std::string no_p;                 ///< why some or all FFNs gave no p-value; empty: they did
  std::int64_t orders = 0;          ///< drawn for each pair
  std::vector<GramPair> pairs;      ///< by block of the base, one FFN of each
  double log10_p = kNotApplicable;  ///< of all pairs, by Fisher's method
  double log10_corrected_p = kNotApplicable;
};

/// What is found of a block of the base in one of the release, at its best.
struct BlockPair {
  std::int64_t base_block = 0;  ///< from 1
  std::int64_t release_block = 0;
  std::int64_t matched = 0;   ///< neurons that are each other's nearest
  std::int64_t in_order = 0;  ///< of these, the longest run in the base's order
  double share = kNotApplicable;
};

/// Of the neurons of one FFN of the base, those of which both vectors find the same neuron: gate
/// row and up row, or in a plain FFN first-layer row and output column.
struct NeuronShare {
  FfnPlace base = {};
  FfnPlace release = {};  ///< where most agree
  bool mapped = false;
  /// The map is one fitted on other neurons in their order, after `GramTest`.
  bool neuron_map = false;
  std::int64_t neurons = 0;  ///< looked at, of those that have an effect
  std::int64_t agreeing = 0;
  double share = 0;  ///< agreeing / neurons
  /// Median of `cosines`; less than 1 in a merge.
  double cosine = kNotApplicable;
  double control = 0;               ///< the largest share with any other FFN of the release
  std::vector<float> cosines = {};  ///< of the first vectors of those that agree
};

/// Whether the tokens that both have are embedded alike, but for an orthogonal map.
struct EmbeddingAlignment {
  /// Which tokens both have: those whose strings are equal, and stand once in either vocabulary;
  /// else, where one model has no strings, ids below the smaller vocabulary.
  bool by_string = false;
  std::int64_t shared_tokens = 0;
  std::int64_t fitted_tokens = 0;
  /// Mean cosine of mapped and actual embeddings, less their mean, of tokens that were not fitted,
  /// less that of different tokens.
  double similarity = kNotApplicable;
  bool aligned = false;
};

struct Audit {
  Verdict verdict = Verdict::inconclusive;
  ModelInfo base;     ///< with its digest
  ModelInfo release;  ///< with its digest
  double rate = 0;    ///< of AuditOptions, as the next two
  std::int64_t bases = 1;
  bool thorough = false;
  std::int64_t tests = 0;  ///< that the correction counts, all that the call may make
  double log10_corrected_p = kNotApplicable;  ///< the least of `exact`; NaN: no test gave one
  std::vector<OrderTest> exact;               ///< the three kinds, in the order of `order_test`
  /// By FFN of the base; empty where one model's are gated and the other's are not.
  std::vector<NeuronShare> shares;
  double share = kNotApplicable;  ///< the largest of `shares`; NaN: there is none
  EmbeddingAlignment embeddings;
  std::vector<BlockPair> blocks;  ///< tested blocks of the base × blocks of the release
  /// Made with `AuditOptions::thorough`, and where the tests above find no match.
  std::optional<GramTest> grams;
  /// Made with `AuditOptions::thorough`, and where the tests above leave the verdict open.
  std::optional<DirectionEvidence> direction;
  /// A tensor with numbers that are not finite, whose rows match nothing: looked for where the
  /// verdict would be NO_MATCH, which it is not then. Empty: none.
  std::string nonfinite;
};

struct AuditOptions {
  double rate = 1e-6;  ///< how often MATCH may be wrong about an independent release
  /// That this release is held against, in this call and others: the correction counts them all.
  std::int64_t bases = 1;
  /// Gram matrices and the high-norm directions, though the verdict does not need them.
  bool thorough = false;
};

/// A model in an audit. Refers to `weights` and `tokens`, which must outlive it: a temporary may
/// stand in the call of audit() alone, not in a list for lineage().
struct AuditedWeights {
  AuditedWeights(const ModelWeights& weights, std::span<const std::string> tokens = {},
                 std::string digest = {})
      : weights(weights), tokens(tokens), digest(std::move(digest)) {}

  const ModelWeights& weights;
  /// By id, the text of each token (azimuth/token_strings.h): needed where the two vocabularies are
  /// not ordered alike. Empty: not known. Wrong ones spoil the map, and never a p-value.
  std::span<const std::string> tokens;
  /// `weights.digest()`, for who has it already. Empty: the audit makes it.
  std::string digest;
};

/// Thresholds of the empirical tier (docs/audit.md).
inline constexpr double kMatchShare = 0.2;
inline constexpr std::int64_t kMatchNeurons = 30;
inline constexpr double kNoMatchShare = 0.1;
inline constexpr std::int64_t kBelievedNeurons = kMatchNeurons / 10;

/// What `audit` concludes from the evidence alone: `log10_corrected_p`, `rate`, `shares`, `share`,
/// `embeddings` and `nonfinite`.
Verdict verdict_of(const Audit& evidence);

/// Whether the weights of `release` were made from those of `base` (docs/audit.md). Reads both, on
/// `workers`; beside them it takes less memory than three blocks in float32. The same in every
/// call, with any number of threads. Throws std::invalid_argument for a rate outside (0, 1) or
/// fewer `bases` than one, std::out_of_range for a snapshot that holds just some rows of its
/// embedding, and `Cancelled`.
///
///     Workers workers(2);
///     const Audit a = audit(open_model("base"), open_model("release"), {}, workers);
///     if (a.verdict == Verdict::match) std::printf("p <= 10^%.0f\n", a.log10_corrected_p);
Audit audit(const AuditedWeights& base, const AuditedWeights& release, const AuditOptions& options,
            Workers& workers, Progress* progress = nullptr);

/// What signatures alone say, which is INCONCLUSIVE with DirectionEvidence: a direction can be
/// planted and projected out, so that it decides nothing.
Audit audit_signatures(const Signature& base, const Signature& release, const AuditOptions& options,
                       Workers& workers);

}  // namespace azimuth
