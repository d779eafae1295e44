#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "azimuth/audit.h"

namespace azimuth {

/// `GramTest`, and what the pairs of blocks are good for besides.
struct GramComparison {
  GramTest test;
  /// Release × base: sums of the products of vectors of one neuron, over every other of those that
  /// are looked at in the blocks that were paired. Their polar factor is the map that takes neurons
  /// onto each other, if they are the same in that order. Empty where no blocks were paired.
  Eigen::MatrixXf products;
};

/// The neurons of `spread` whose vectors have no part in GramComparison::products.
std::vector<std::int64_t> neurons_held_out(std::int64_t ffn_size);

/// Compares the Gram matrices of an FFN in each of ten blocks of the base with those of the FFNs of
/// the release that are most like them, whatever the order of neurons. A part of `progress` is a
/// block. `seed` is of the orders that are drawn.
GramComparison compare_grams(const ModelWeights& base, const ModelWeights& release,
                             std::uint64_t seed, Workers& workers, Progress* progress);

}  // namespace azimuth
