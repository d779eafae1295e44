#include "azimuth/absence_words.h"

#include <cstdint>
#include <map>
#include <vector>

#include "azimuth/absence.h"

namespace azimuth::words {
namespace {

/// "Block 3 has", "Blocks 1 to 4, 7 have".
std::string blocks_have(const std::vector<std::int32_t>& blocks) {
  std::string list;
  for (std::size_t first = 0; first < blocks.size();) {
    std::size_t last = first;
    while (last + 1 < blocks.size() && blocks[last + 1] == blocks[last] + 1) ++last;
    if (!list.empty()) list += ", ";
    list += std::to_string(blocks[first]);
    if (last > first) list += " to " + std::to_string(blocks[last]);
    first = last + 1;
  }
  return blocks.size() == 1 ? "Block " + list + " has" : "Blocks " + list + " have";
}

}  // namespace

std::string nearest_text(const Observation& observation) {
  if (observation.state != State::absent && observation.state != State::emerging) return {};
  std::string text = largest_ratio_text(observation);
  if (text.empty()) return {};
  text[0] = 'T';
  return text + ".";
}

std::string base_absent_text(const Observation& observation) {
  return observation.base_absent ? "Its base has no high-norm direction: there is no angle to it."
                                 : "";
}

std::string no_spectral_text(const Observation& observation) {
  std::map<std::string, std::vector<std::int32_t>> by_reason;
  for (const BlockObservation& block : observation.blocks) {
    if (!block.spectral_reason.empty()) by_reason[block.spectral_reason].push_back(block.block);
  }
  std::string text;
  for (const auto& [reason, blocks] : by_reason) {
    if (!text.empty()) text += " ";
    text += blocks_have(blocks) + " no singular direction and no eigenvalue: " + reason + ".";
  }
  return text;
}

}  // namespace azimuth::words
