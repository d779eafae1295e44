#include "analysis/text_figures.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <numbers>
#include <tuple>

#include "azimuth/angle.h"
#include "azimuth/median.h"

namespace azimuth {
namespace {

// Degrees between a direction and the space that orthonormal columns span.
double angle_to_span(const Eigen::VectorXd& direction, const Eigen::MatrixXd& span) {
  if (span.cols() == 0 || span.rows() != direction.size()) return kNotApplicable;
  const Eigen::VectorXd u = direction.normalized();
  const Eigen::VectorXd inside = span * (span.transpose() * u);
  return std::atan2((u - inside).norm(), inside.norm()) * 180 / std::numbers::pi;
}

// Of the stage of each block as weights have it: before the first the primary one's.
std::size_t stage_of(const Observation& o, std::size_t block) {
  const std::int32_t own = o.blocks[block].stage;
  return static_cast<std::size_t>(std::max(own >= 0 ? own : o.primary_stage, 0));
}

TextToken described(std::int64_t id, const TokenStates& states) {
  TextToken token;
  token.id = id;
  token.occurrences = states.occurrences;
  token.high_norm = states.high_norm;
  token.peak_ratio = states.peak_ratio;
  token.first_block = states.first_block;
  token.last_block = states.last_block;
  token.explosion_block = states.explosion_block;
  token.response = states.response;
  return token;
}

}  // namespace

void add_figures(const std::vector<TextBlockStates>& blocks, const Observation& observation,
                 const SpectralVectors& vectors, TextObservation& out) {
  const Observation& o = observation;
  const std::size_t count = std::max<std::size_t>(o.stages.size(), 1);
  std::vector<Eigen::VectorXd> sums(count);
  std::vector<double> norms(count, 0);
  out.stages.resize(count);
  for (std::size_t l = 1; l < blocks.size(); ++l) {
    const TextBlockStates& block = blocks[l];
    const bool before_the_first = !o.stages.empty() && o.blocks[l].stage < 0;
    if (block.sum.size() == 0 || before_the_first) continue;
    const std::size_t s = stage_of(o, l);
    if (sums[s].size() == 0) sums[s] = Eigen::VectorXd::Zero(block.sum.size());
    sums[s] += block.sum;
    norms[s] += block.norms;
    out.stages[s].states += block.high_norm_initial + std::ssize(block.others_norms);
  }
  for (std::size_t s = 0; s < count; ++s) {
    if (sums[s].size() == 0) continue;
    out.stages[s].alignment = sums[s].norm() / norms[s];
    const Eigen::VectorXf unit = sums[s].normalized().cast<float>();
    out.stages[s].direction.assign(unit.begin(), unit.end());
    if (!o.stages.empty()) {
      out.stages[s].angle_to_weights = angle_degrees(sums[s], to_double(o.stages[s].direction));
    }
  }
  for (std::size_t l = 0; l < blocks.size(); ++l) {
    const TextBlockStates& states = blocks[l];
    TextBlock& block = out.blocks.emplace_back();
    block.block = static_cast<std::int32_t>(l);
    block.reference_norm = median(states.medians);
    block.high_norm_initial = states.high_norm_initial;
    block.high_norm_others = std::ssize(states.others_norms);
    block.initial_norm = median(states.initial_norms);
    block.others_norm = median(states.others_norms);
    block.growth = median(states.growths);
    if (l == 0) continue;
    const std::size_t s = stage_of(o, l);
    if (!o.stages.empty() && states.sum.size() > 0) {
      block.angle_to_weights = angle_degrees(states.sum, to_double(o.stages[s].direction));
    }
    if (sums[s].size() == 0 || vectors.singular.size() + 1 != blocks.size()) continue;
    block.singular_angle = angle_degrees(sums[s], vectors.singular[l - 1]);
    block.eigen_angle = angle_to_span(sums[s], vectors.eigen[l - 1]);
  }
}

std::vector<TextToken> listed(const TokensById& tokens, const ExpectedBlocks& also) {
  std::vector<TextToken> list;
  for (const auto& [id, states] : tokens) {
    if (states.high_norm > 0 || also.contains(id)) list.push_back(described(id, states));
  }
  std::ranges::sort(list, [](const TextToken& a, const TextToken& b) {
    return std::tie(b.high_norm, b.occurrences, a.id) < std::tie(a.high_norm, a.occurrences, b.id);
  });
  return list;
}

}  // namespace azimuth
