#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "azimuth/observation.h"

namespace azimuth {

/// By block from 0: indices of probe tokens, ascending.
using TokenSets = std::vector<std::vector<std::int32_t>>;

/// Hidden states of the probe, by block from 0 (hidden_size × tokens), in float64.
using BlockStates = std::vector<Eigen::MatrixXd>;

/// The tokens whose ratio reaches `threshold`, or 0.8 of it where `previous` has them. Never block
/// 0.
TokenSets high_norm_tokens(const std::vector<BlockObservation>& blocks, double threshold,
                           const TokenSets& previous);

/// Stages, their directions and the primary one (docs/method.md, 2).
struct Stages {
  std::vector<StageObservation> stages;
  std::vector<TokenSets::value_type> tokens;      ///< of each stage: high-norm at any of its blocks
  std::vector<Eigen::VectorXd> block_directions;  ///< by block from 0; empty where no token is high
  std::vector<double> block_concentrations;
  std::int32_t primary = -1;
};
Stages find_stages(const BlockStates& states, const std::vector<BlockObservation>& blocks,
                   const TokenSets& high);

/// Fills in what a block has of its stage: index, count, growth, gain, concentration, angle; and
/// the stages' explosion and decay blocks.
void judge_blocks(const BlockStates& states, const TokenSets& high, Stages& stages,
                  std::vector<BlockObservation>& blocks);

}  // namespace azimuth
