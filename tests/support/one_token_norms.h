#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "azimuth/analysis.h"
#include "azimuth/workers.h"

namespace azimuth::testing {

/// Of hidden states: for every block from 0, one a token.
using Norms = std::vector<std::vector<double>>;

struct Passes {
  Norms initial;
  Norms zero_attention;
};

inline Passes passes(const ModelWeights& weights, const std::vector<std::int64_t>& token_ids) {
  Workers workers;
  const HiddenStates<float> states = single_token_pass<float>(weights, token_ids, workers);
  Passes result;
  for (const Eigen::MatrixXf& h : states.initial) {
    const Eigen::VectorXd norms = h.cast<double>().colwise().norm();
    result.initial.emplace_back(norms.begin(), norms.end());
  }
  for (const Eigen::VectorXd& norms : states.zero_attention_norms) {
    result.zero_attention.emplace_back(norms.begin(), norms.end());
  }
  return result;
}

/// Largest relative difference; infinite where the shapes differ or a number is none.
inline double difference(const Norms& norms, const Norms& expected) {
  if (norms.size() != expected.size()) return INFINITY;
  double largest = 0;
  for (std::size_t l = 0; l < norms.size(); ++l) {
    if (norms[l].size() != expected[l].size()) return INFINITY;
    for (std::size_t t = 0; t < norms[l].size(); ++t) {
      const double relative = std::abs(norms[l][t] / expected[l][t] - 1);
      if (!(relative <= largest)) largest = std::isnan(relative) ? INFINITY : relative;
    }
  }
  return largest;
}

}  // namespace azimuth::testing
