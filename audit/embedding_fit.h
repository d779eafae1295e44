#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "azimuth/audit.h"

namespace azimuth {

/// Where the embedding of one token stands.
struct SharedToken {
  std::int64_t base = 0;  ///< id
  std::int64_t release = 0;
};

/// What the embeddings of shared tokens say of two models. Both matrices are release × base
/// coordinates.
struct EmbeddingFit {
  EmbeddingAlignment alignment;
  std::vector<SharedToken> shared;  ///< by ascending id of the base
  /// Absolute correlations of coordinates, NaN for one that does not vary.
  Eigen::MatrixXf correlations;
  std::vector<double> base_deviations;  ///< of each coordinate of the base
  /// The orthogonal map, or that of a narrower space into a wider one, from the base's residual
  /// stream to the release's which takes embeddings closest (Schönemann, "A generalized solution of
  /// the orthogonal Procrustes problem", 1966). Empty: there is none.
  Eigen::MatrixXf map;
};

/// Reads the embeddings of an eighth of the shared tokens, more of them where that is little for
/// the hidden size. Shared are those whose strings are equal, if both models have strings; else
/// those whose ids are.
EmbeddingFit fit_embeddings(const AuditedWeights& base, const AuditedWeights& release,
                            Workers& workers);

}  // namespace azimuth
