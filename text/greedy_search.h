#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "azimuth/decoder.h"
#include "azimuth/progress.h"
#include "azimuth/quantised_products.h"

namespace azimuth {

struct GreedyStep {
  WeightPlace place;
  double perplexity = 0;  ///< with this one and all before it kept
};

struct GreedySet {
  std::vector<GreedyStep> steps;
  std::map<std::set<WeightPlace>, double> measured;  ///< perplexity of each set on all of the text
};

/// Forward passes through all blocks that a search of so many steps takes, a sequence: an estimate.
std::int64_t greedy_passes(std::int64_t candidates, std::int64_t steps);

/// Adds to what is kept the candidate that lowers the perplexity of `text` most, until it is not
/// above `goal`, or nothing lowers it. `perplexity`: with none kept.
GreedySet greedy_search(const Decoder& decoder, QuantisedProducts& products, const at::Tensor& text,
                        const std::vector<WeightPlace>& candidates, double perplexity, double goal,
                        Progress* progress);

}  // namespace azimuth
