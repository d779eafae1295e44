#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/signature.h"
#include "azimuth/workers.h"

namespace azimuth {

/// Whether two models' high-norm directions can be held against each other.
enum class DirectionStatus {
  compared,
  /// SIGNATURE_ABSENT: in one of the two no token of the probe is high-norm at any block
  /// (docs/method.md, 2), so that there is no stage, and a direction would be provisional.
  signature_absent,
  other_hidden_size,
};

/// What a signature says of a model beside its direction, for the table: nothing is tested. NaN or
/// empty where it does not apply.
struct DirectionFigures {
  std::vector<std::int32_t> explosion_blocks;  ///< of the primary stage
  std::vector<std::int32_t> decay_blocks;
  double peak_ratio = kNotApplicable;
  /// σ_1 / σ_2 of the linear approximation of the first explosion block.
  double singular_ratio = kNotApplicable;
  /// Real part of the eigenvalue at the first decay block; near −1 for a perfect one.
  double decay_eigenvalue = kNotApplicable;
  std::string absence;  ///< `absence_text`: where the model has no signature
};

/// A token that both vocabularies have: the share of its embedding that lies along the model's own
/// direction, -1 to 1.
struct VocabularyPoint {
  float base = 0;
  float release = 0;
};

/// What the high-norm directions say of two models. It decides nothing: whoever means to deceive
/// can plant the largest coordinate of a direction in another model, or project a direction out.
struct DirectionEvidence {
  DirectionStatus status = DirectionStatus::signature_absent;
  bool base_has_signature = false;
  bool release_has_signature = false;
  DirectionFigures base;
  DirectionFigures release;
  double degrees = kNotApplicable;     ///< between the directions of the stage that both have
  double p = kNotApplicable;           ///< see `permutation_p_value`
  double resolution = kNotApplicable;  ///< the least that `p` can be
  /// Spearman's correlation over shared tokens of the shares in VocabularyPoint. Its sign is that
  /// of the directions, which have none. No p-value: tokens are not exchangeable, since models of
  /// one language share frequency and meaning (docs/audit.md). NaN for signatures alone.
  double vocabulary_correlation = kNotApplicable;
  std::vector<VocabularyPoint> vocabulary;  ///< up to 2,048 of the tokens, spread over all
  /// Tr(Q_Eᵀ Q_N) / d of the orthogonal maps fitted on embeddings and on neurons in their order: 1
  /// where both find one rotation, about 0 where either finds none. NaN where there are not both.
  double map_agreement = kNotApplicable;
};

/// Of signatures alone: no vocabulary, no maps. One call at a time with the same `workers`.
DirectionEvidence direction_evidence(const Signature& base, const Signature& release,
                                     Workers& workers);

}  // namespace azimuth
