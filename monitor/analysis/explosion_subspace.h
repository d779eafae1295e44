#pragma once

#include <Eigen/Core>

#include "analysis/singular_triples.h"
#include "azimuth/mixers.h"
#include "azimuth/observation.h"

namespace azimuth {

/// What an explosion block's FFN, `ffn`, does along the leading right singular vectors of its
/// linear approximation F (docs/method.md, 4). `before`: the hidden states of the block's high-norm
/// tokens just before it, one a column.
ExplosionSubspace explosion_subspace(const Mixer& ffn, const SingularTriples& triples,
                                     const Eigen::MatrixXd& before, Workers& workers);

}  // namespace azimuth
