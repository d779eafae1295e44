#include "azimuth/linear_words.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

namespace azimuth::words {
namespace {

std::string figure(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

bool explodes_or_decays(const Observation& observation, std::int32_t block) {
  return std::ranges::any_of(observation.stages, [block](const StageObservation& stage) {
    const auto in = [block](const std::vector<BlockFactor>& blocks) {
      return std::ranges::find(blocks, block, &BlockFactor::block) != blocks.end();
    };
    return in(stage.explosion_blocks) || in(stage.decay_blocks);
  });
}

}  // namespace

std::string experts_text(const BlockObservation& block) {
  std::string text;
  for (const std::int32_t expert : block.spectral_experts) {
    text += (text.empty() ? "" : ", ") + std::to_string(expert);
  }
  if (text.empty()) return text;
  return (block.spectral_experts.size() == 1 ? "expert " : "experts ") + text;
}

std::string linear_gains_text(const Observation& observation) {
  std::string text;
  for (const BlockObservation& block : observation.blocks) {
    if (!std::isfinite(block.gain) || !std::isfinite(block.gain_error)) continue;
    if (!explodes_or_decays(observation, block.block)) continue;
    const std::string experts = experts_text(block);
    text += (text.empty() ? "If it were linear, block " : "; block ") +
            std::to_string(block.block) + (experts.empty() ? "" : " (" + experts + ")") +
            (text.empty() ? " would have a gain of " : " of ") +
            figure(block.gain + block.gain_error) + ", not " + figure(block.gain);
  }
  return text.empty() ? text : text + ".";
}

}  // namespace azimuth::words
