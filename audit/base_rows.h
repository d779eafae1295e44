#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "azimuth/audit.h"
#include "azimuth/model_weights.h"

namespace azimuth {

/// `count` blocks spread over the depth, from 0; all of a model that has no more.
std::vector<std::int64_t> spread_blocks(std::int64_t blocks, std::int64_t count);

/// Why the vectors of a matrix of the base give no p-value: their lengths depend on their index.
/// Empty: they do not.
std::string order_of_its_own(const std::string& what, std::span<const double> lengths);

/// What is looked at in the base, and where its own order forbids a p-value.
struct BaseRows {
  bool gated = false;
  std::vector<FfnPlace> ffns;
  std::vector<Eigen::MatrixXf> first;  ///< of each: see NeuronVectors
  std::vector<Eigen::MatrixXf> second;
  std::vector<std::string> neurons_no_p;

  std::vector<std::int64_t> value_blocks;  ///< from 1
  std::vector<std::int64_t> value_rows;
  std::vector<Eigen::MatrixXf> values;
  std::vector<std::string> values_no_p;
};

/// Of three blocks, and one expert of each; `neurons` are indices of neurons in each.
BaseRows read_base(const ModelWeights& base, std::span<const std::int64_t> neurons);

}  // namespace azimuth
