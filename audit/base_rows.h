#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "azimuth/audit.h"
#include "azimuth/model_weights.h"
#include "residual_rows.h"

namespace azimuth {

/// `count` blocks spread over the depth, from 0; all of a model that has no more.
std::vector<std::int64_t> spread_blocks(std::int64_t blocks, std::int64_t count);

/// Why the vectors of a matrix of the base give no p-value: their lengths depend on their index.
/// Empty: they do not.
std::string order_of_its_own(const std::string& what, std::span<const double> lengths);

/// One FFN of each of `count` blocks spread over the depth, and of a mixture one expert: in one
/// block several may have a common origin, and so one order.
std::vector<FfnPlace> spread_ffns(const ModelWeights& model, std::int64_t count);
NeuronVectors vectors_at(const ModelWeights& model, const FfnPlace& place);

/// What is looked at in the base, and where its own order forbids a p-value.
struct BaseRows {
  bool gated = false;
  std::vector<FfnPlace> ffns;
  std::vector<std::int64_t> neurons;   ///< of each, how many are looked at
  std::vector<Eigen::MatrixXf> first;  ///< of each, see NeuronVectors; zeros behind the last neuron
  std::vector<Eigen::MatrixXf> second;
  std::vector<std::string> neurons_no_p;

  std::vector<std::int64_t> value_blocks;  ///< from 1
  std::vector<std::int64_t> value_rows;
  std::vector<Eigen::MatrixXf> values;
  std::vector<std::string> values_no_p;
};

/// Of three blocks, and one expert of each. Neurons are those of `candidates`, indices in each FFN,
/// that have an effect: others cost the function nothing, and may have been put there to be found.
BaseRows read_base(const ModelWeights& base, std::span<const std::int64_t> candidates);

}  // namespace azimuth
