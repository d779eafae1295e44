#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <optional>
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
/// The same of the neurons of a block (from 1), which the family's training may order too.
std::string order_of_neurons(const ModelWeights& base, std::int64_t block,
                             std::span<const double> lengths);

/// Of FFNs, how wide most are, and whether they have a gate: as that in the middle of the depth,
/// since the first blocks may have others.
struct FfnShape {
  std::int64_t width = 0;  ///< 0: the model has no FFN
  bool gated = false;
};
FfnShape ffn_shape(const ModelWeights& model);

/// Experts between two projections are not.
inline constexpr const char* kNoFfns =
    "not both models have feed-forward networks that are compared";

/// One FFN of that width of each of `count` blocks spread over those that have one, and of a
/// mixture one expert: in one block several may have a common origin, and so one order.
std::vector<FfnPlace> spread_ffns(const ModelWeights& model, std::int64_t count);
NeuronVectors vectors_at(const ModelWeights& model, const FfnPlace& place);

/// What is looked at in the base, and where its own order forbids a p-value.
struct BaseRows {
  FfnShape shape;
  std::vector<FfnPlace> ffns;
  std::vector<std::int64_t> neurons;   ///< of each, how many are looked at
  std::vector<Eigen::MatrixXf> first;  ///< of each, see NeuronVectors; zeros behind the last neuron
  std::vector<Eigen::MatrixXf> second;
  std::vector<std::string> neurons_no_p;

  std::vector<std::int64_t> value_blocks;  ///< from 1: of those that have attention
  std::int64_t head_size = 0;              ///< of values
  std::int64_t kv_heads = 0;
  std::vector<std::int64_t> value_rows;
  std::vector<Eigen::MatrixXf> values;
  std::vector<std::string> values_no_p;
};

/// The values of a block's attention; nothing where it has none of its own.
struct Values {
  MatrixVectors rows;
  std::int64_t head_size = 0;
  std::int64_t kv_heads = 0;
};
std::optional<Values> values_of(const BlockWeights& block);

/// Of three blocks that have an FFN, one expert of each, and of three that have attention. Neurons
/// are those of `candidates`, indices in each FFN, that have an effect: others cost the function
/// nothing, and may have been put there to be found.
BaseRows read_base(const ModelWeights& base, std::span<const std::int64_t> candidates);

}  // namespace azimuth
