#include "analysis/stages.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "analysis/leading_direction.h"
#include "azimuth/angle.h"
#include "azimuth/median.h"
#include "azimuth/same_stage.h"
#include "azimuth/thresholds.h"

namespace azimuth {
namespace {

constexpr double kExplosion = 2;  // least growth of an explosion block
constexpr double kDecay = 0.7;    // largest growth of a decay block

double median_growth(const BlockStates& states, std::size_t block,
                     const std::vector<std::int32_t>& tokens) {
  std::vector<double> growth;
  for (std::int32_t t : tokens) {
    growth.push_back(states[block].col(t).norm() / states[block - 1].col(t).norm());
  }
  return median(std::move(growth));
}

double median_gain(const BlockStates& states, std::size_t block,
                   const std::vector<std::int32_t>& tokens, const Eigen::VectorXd& direction) {
  std::vector<double> gain;
  for (std::int32_t t : tokens) {
    const double before = states[block - 1].col(t).dot(direction);
    gain.push_back((states[block].col(t).dot(direction) - before) / before);
  }
  return median(std::move(gain));
}

StageObservation describe(const BlockStates& states, const std::vector<BlockObservation>& blocks,
                          const TokenSets& high, std::int32_t first, std::int32_t last) {
  StageObservation stage;
  stage.first_block = first;
  stage.last_block = last;
  stage.peak_ratio = 0;
  Eigen::Index size = 0;
  for (auto l = static_cast<std::size_t>(first); l <= static_cast<std::size_t>(last); ++l) {
    size += static_cast<Eigen::Index>(high[l].size());
    stage.peak_ratio = std::max(stage.peak_ratio, blocks[l].ratio_max);
  }
  Eigen::MatrixXd columns(states[0].rows(), size);
  Eigen::Index next = 0;
  for (auto l = static_cast<std::size_t>(first); l <= static_cast<std::size_t>(last); ++l) {
    for (std::int32_t t : high[l]) columns.col(next++) = states[l].col(t);
  }
  const LeadingDirection leading = leading_direction(columns);
  stage.concentration = leading.concentration;
  std::vector<double> spread;
  for (Eigen::Index i = 0; i < size; ++i) {
    spread.push_back(angle_degrees(columns.col(i), leading.direction));
  }
  stage.token_spread_max = *std::ranges::max_element(spread);
  stage.token_spread_median = median(std::move(spread));
  stage.participation_ratio = 1 / leading.direction.array().pow(4).sum();
  const Eigen::VectorXf direction = leading.direction.cast<float>();
  stage.direction.assign(direction.begin(), direction.end());
  return stage;
}

Eigen::VectorXd direction_of(const StageObservation& stage) {
  return Eigen::Map<const Eigen::VectorXf>(stage.direction.data(),
                                           static_cast<Eigen::Index>(stage.direction.size()))
      .cast<double>();
}

}  // namespace

TokenSets high_norm_tokens(const std::vector<BlockObservation>& blocks, double threshold,
                           const TokenSets& previous) {
  TokenSets high(blocks.size());
  for (std::size_t l = 1; l < blocks.size(); ++l) {
    for (std::size_t t = 0; t < blocks[l].norms.size(); ++t) {
      const auto token = static_cast<std::int32_t>(t);
      const bool was_high = l < previous.size() && std::ranges::binary_search(previous[l], token);
      const double ratio = blocks[l].norms[t] / blocks[l].reference_norm;
      if (ratio >= (was_high ? kHysteresis * threshold : threshold)) high[l].push_back(token);
    }
  }
  return high;
}

Stages find_stages(const BlockStates& states, const std::vector<BlockObservation>& blocks,
                   const TokenSets& high) {
  Stages found;
  found.block_directions.resize(states.size());
  found.block_concentrations.assign(states.size(), kNotApplicable);
  for (std::size_t l = 1; l < states.size(); ++l) {
    if (high[l].empty()) continue;
    LeadingDirection leading = leading_direction(states[l](Eigen::all, high[l]));
    found.block_directions[l] = std::move(leading.direction);
    found.block_concentrations[l] = leading.concentration;
  }

  std::vector<std::pair<std::int32_t, std::int32_t>> runs;
  for (std::size_t l = 1; l < states.size(); ++l) {
    if (high[l].empty()) continue;
    const auto block = static_cast<std::int32_t>(l);
    const bool goes_on = !high[l - 1].empty() &&
                         angle_degrees(found.block_directions[l - 1], found.block_directions[l]) <=
                             kSameStageDegrees;
    if (goes_on) {
      runs.back().second = block;
    } else {
      runs.emplace_back(block, block);
    }
  }

  double best = 0;
  for (const auto& [first, last] : runs) {
    found.stages.push_back(describe(states, blocks, high, first, last));
    std::set<std::int32_t> tokens;
    for (auto l = static_cast<std::size_t>(first); l <= static_cast<std::size_t>(last); ++l) {
      tokens.insert(high[l].begin(), high[l].end());
    }
    found.tokens.emplace_back(tokens.begin(), tokens.end());
    const double sum = stage_score(found.stages.back(), blocks);
    if (found.primary < 0 || sum > best) {
      best = sum;
      found.primary = static_cast<std::int32_t>(found.stages.size()) - 1;
    }
  }
  return found;
}

void judge_blocks(const BlockStates& states, const TokenSets& high, Stages& stages,
                  std::vector<BlockObservation>& blocks) {
  if (stages.stages.empty()) return;
  const Eigen::VectorXd primary =
      direction_of(stages.stages[static_cast<std::size_t>(stages.primary)]);
  for (std::size_t s = 0; s < stages.stages.size(); ++s) {
    StageObservation& stage = stages.stages[s];
    const Eigen::VectorXd direction = direction_of(stage);
    const std::size_t end = s + 1 < stages.stages.size()
                                ? static_cast<std::size_t>(stages.stages[s + 1].first_block)
                                : blocks.size();
    for (auto l = static_cast<std::size_t>(stage.first_block); l < end; ++l) {
      BlockObservation& block = blocks[l];
      block.stage = static_cast<std::int32_t>(s);
      block.high_norm_count = static_cast<std::int32_t>(high[l].size());
      // In a tail no token is high-norm any more: those of the stage that ended are looked at.
      const std::vector<std::int32_t>& judged_by = high[l].empty() ? stages.tokens[s] : high[l];
      block.growth = median_growth(states, l, judged_by);
      block.gain = median_gain(states, l, judged_by, direction);
      block.concentration = stages.block_concentrations[l];
      if (!high[l].empty()) {
        block.angle_to_primary = angle_degrees(stages.block_directions[l], primary);
      }
      if (!high[l].empty() && block.growth >= kExplosion) {
        stage.explosion_blocks.push_back({block.block, block.growth});
      }
      if (block.block > stage.first_block) {
        const double factor = median_growth(states, l, stages.tokens[s]);
        if (factor <= kDecay) stage.decay_blocks.push_back({block.block, factor});
      }
    }
  }
}

}  // namespace azimuth
