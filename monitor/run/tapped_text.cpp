#include "run/tapped_text.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

#include "analysis/text_figures.h"
#include "analysis/text_states.h"

namespace azimuth {
namespace {

// Whether a ratio to it says something.
bool is_norm(float median) { return std::isfinite(median) && median > 0; }

bool agree(const std::vector<TappedStates>& pass, std::int64_t hidden_size) {
  const std::size_t sequences = pass.front().medians.size();
  const std::size_t tokens = pass.front().ratios.size();
  return sequences > 0 && tokens > 0 && tokens % sequences == 0 &&
         std::ranges::all_of(pass, [&](const TappedStates& block) {
           return block.medians.size() == sequences && block.ratios.size() == tokens &&
                  std::ssize(block.sum) == hidden_size &&
                  std::ranges::all_of(block.medians, is_norm);
         });
}

}  // namespace

std::optional<TextObservation> text_of(const std::vector<TappedStates>& pass,
                                       const Observation& observation,
                                       const SpectralVectors& vectors, double high_norm_ratio) {
  if (pass.empty() || pass.size() != observation.blocks.size() ||
      !agree(pass, observation.model.hidden_size)) {
    return std::nullopt;
  }
  const std::size_t sequences = pass.front().medians.size();
  const std::size_t length = pass.front().ratios.size() / sequences;
  const std::span<const std::int64_t> ids = pass.front().ids;
  std::vector<TextBlockStates> blocks(pass.size());
  TokensById initial;
  TokensById others;
  for (std::size_t s = 0; s < sequences; ++s) {
    SequenceStates sequence(blocks, high_norm_ratio, std::vector<std::int32_t>(length, 0));
    for (std::size_t l = 0; l < pass.size(); ++l) {
      sequence.add(static_cast<std::int32_t>(l), static_cast<double>(pass[l].medians[s]),
                   std::span(pass[l].ratios).subspan(s * length, length));
    }
    if (ids.size() == sequences * length) {
      sequence.count(ids.subspan(s * length, length), initial, others);
    }
  }
  for (std::size_t l = 1; l < pass.size(); ++l) {
    if (blocks[l].growths.empty()) continue;
    blocks[l].add(Eigen::Map<const Eigen::VectorXf>(pass[l].sum.data(), std::ssize(pass[l].sum))
                      .cast<double>());
  }
  TextObservation text;
  text.sequences = static_cast<std::int64_t>(sequences);
  text.length = static_cast<std::int64_t>(length);
  add_figures(blocks, observation, vectors, text);
  text.initial_tokens = listed(initial, {});
  text.other_tokens = listed(others, {});
  return text;
}

}  // namespace azimuth
