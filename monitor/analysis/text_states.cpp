#include "analysis/text_states.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace azimuth {

SequenceStates::SequenceStates(std::vector<TextBlockStates>& blocks, double high_norm_ratio,
                               std::vector<std::int32_t> expected)
    : blocks_(blocks),
      high_norm_ratio_(static_cast<float>(high_norm_ratio)),
      expected_(std::move(expected)),
      positions_(expected_.size()) {}

SequenceStates::Positions SequenceStates::add(std::int32_t block, double median,
                                              std::span<const float> ratios) {
  TextBlockStates& all = blocks_[static_cast<std::size_t>(block)];
  std::vector<double> norms;
  for (const float ratio : ratios) norms.push_back(static_cast<double>(ratio) * median);
  all.medians.push_back(median);
  all.initial_norms.push_back(norms.front());
  Positions found;
  for (std::size_t t = 0; block > 0 && t < norms.size(); ++t) {
    Position& position = positions_[t];
    position.peak_ratio = std::max(position.peak_ratio, static_cast<double>(ratios[t]));
    const bool high = ratios[t] >= high_norm_ratio_;
    if (position.first_block == 0 && (high || expected_[t] == block)) {
      found.asked.push_back(static_cast<std::int64_t>(t));
    }
    if (!high) continue;
    found.high.push_back(static_cast<std::int64_t>(t));
    if (position.first_block == 0) position.first_block = block;
    position.last_block = block;
    all.norms += norms[t];
    all.growths.push_back(norms[t] / last_norms_[t]);
    if (t == 0) {
      ++all.high_norm_initial;
    } else {
      all.others_norms.push_back(norms[t]);
    }
  }
  last_norms_ = std::move(norms);
  return found;
}

void SequenceStates::respond(std::int64_t position, double response) {
  positions_[static_cast<std::size_t>(position)].response = response;
}

void SequenceStates::count(std::span<const std::int64_t> ids, TokensById& initial,
                           TokensById& others) const {
  for (std::size_t t = 0; t < positions_.size(); ++t) {
    const Position& position = positions_[t];
    TokenStates& token = (t == 0 ? initial : others)[ids[t]];
    if (position.peak_ratio > token.peak_ratio) {
      token.peak_ratio = position.peak_ratio;
      token.explosion_block = position.first_block > 0 ? position.first_block : expected_[t];
      token.response = position.response;
    }
    ++token.occurrences;
    if (position.first_block == 0) continue;
    token.first_block = token.high_norm == 0 ? position.first_block
                                             : std::min(token.first_block, position.first_block);
    token.last_block = std::max(token.last_block, position.last_block);
    ++token.high_norm;
  }
}

}  // namespace azimuth
