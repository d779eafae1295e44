#include "calls/inspection_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "azimuth/absence.h"
#include "azimuth/absence_words.h"
#include "azimuth/largest_coordinates.h"
#include "azimuth/linear_words.h"
#include "azimuth/median.h"
#include "azimuth/thresholds.h"
#include "calls/number_text.h"
#include "calls/text_report.h"
#include "terminal/format_text.h"
#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

std::string ids(const std::vector<std::int64_t>& list) {
  constexpr std::size_t kShown = 16;
  std::string out;
  for (std::size_t i = 0; i < std::min(list.size(), kShown); ++i) {
    out += (i == 0 ? "" : ", ") + std::to_string(list[i]);
  }
  if (list.size() > kShown) out += ", … (" + std::to_string(list.size()) + ")";
  return out;
}

std::string factors(const std::vector<BlockFactor>& blocks) {
  std::string out;
  for (const BlockFactor& block : blocks) {
    out += text("%s%d (×%.3g)", out.empty() ? "" : ", ", block.block, block.factor);
  }
  return out.empty() ? "none" : out;
}

std::string about_model(const Observation& o, const std::string& name) {
  const ModelInfo& m = o.model;
  std::string out = name + "\n";
  out += text(
      "  %s, %lld blocks, hidden size %lld, FFN size %lld, vocabulary %lld, %.4g million "
      "parameters\n",
      printable(m.architecture, 80).c_str(), static_cast<long long>(m.block_count),
      static_cast<long long>(m.hidden_size), static_cast<long long>(m.ffn_size),
      static_cast<long long>(m.vocab_size), static_cast<double>(m.parameter_count) / 1e6);
  out += text("  weights %s\n", printable(m.weights_digest, 80).c_str());
  out += text("  probe of %zu tokens, special ones: ", o.probe.token_ids.size()) +
         (o.probe.special_token_ids.empty() ? "none" : ids(o.probe.special_token_ids)) + "\n\n";
  return out;
}

std::string about_direction(const Observation& o, const std::string& fault) {
  if (!fault.empty()) return "There is no direction: " + fault + "\n";
  if (!std::ranges::all_of(o.blocks, has_finite_norms)) {
    return "There is no direction: hidden states are not finite\n";
  }
  if (o.direction.empty() || o.provisional) {
    const Thresholds t;
    const std::string out =
        absence_text(o) + text(" (high-norm: %g and more)\n", t.high_norm_ratio);
    return o.direction.empty()
               ? out
               : out +
                     text("Provisional direction, of the tokens above %g:\n  coordinates   ",
                          t.emerging_ratio) +
                     coordinates_text(o.direction) + "\n";
  }
  std::string out;
  for (std::size_t s = 0; s < o.stages.size(); ++s) {
    const StageObservation& stage = o.stages[s];
    const bool primary = static_cast<std::int32_t>(s) == o.primary_stage;
    out += text("Stage %zu%s: blocks %d to %d, norms up to %.4g times the reference\n", s + 1,
                primary ? " (primary: its direction is the signature)" : "", stage.first_block,
                stage.last_block, stage.peak_ratio);
    out += "  coordinates   " + coordinates_text(stage.direction) + "\n";
    out += text(
        "  one line holds %.4g%%; spread over %.3g coordinates; tokens lie %.2g° (median) "
        "to %.2g° (most) from it\n",
        100 * stage.concentration, stage.participation_ratio, stage.token_spread_median,
        stage.token_spread_max);
    out += "  explosion     " + factors(stage.explosion_blocks) + "\n";
    out += "  decay         " + factors(stage.decay_blocks) + "\n";
  }
  const std::vector<std::int64_t>& high = o.probe.high_norm_token_ids;
  std::vector<std::int64_t> others;
  for (const std::int64_t id : o.probe.token_ids) {
    if (std::ranges::find(high, id) == high.end()) others.push_back(id);
  }
  out += text("High-norm as initial tokens: %zu of %zu", high.size(), o.probe.token_ids.size());
  if (others.empty()) return out + "\n";
  const bool few = high.size() < others.size();
  return out + (few ? " (" + ids(high) : " (all but " + ids(others)) + ")\n";
}

std::string about_vocabulary(const VocabularyPass& pass) {
  if (pass.exploding_token_ids.empty()) return {};
  std::string out = "High-norm at any position, by themselves: ";
  for (std::size_t i = 0; i < std::min<std::size_t>(pass.ratio.size(), 16); ++i) {
    out += text("%s%lld (×%.3g)", i == 0 ? "" : ", ",
                static_cast<long long>(pass.exploding_token_ids[i]), pass.ratio[i]);
  }
  return out + text("; %zu tokens in all\n", pass.exploding_token_ids.size());
}

struct Column {
  const char* title;
  std::size_t width;
  double (*value)(const BlockObservation&);
};

constexpr std::array kColumns = {
    Column{"initial", 9, [](const BlockObservation& b) { return median(b.norms); }},
    Column{"reference", 11, [](const BlockObservation& b) { return b.reference_norm; }},
    Column{"ratio", 8, [](const BlockObservation& b) { return b.ratio_max; }},
    Column{"growth", 8, [](const BlockObservation& b) { return b.growth; }},
    Column{"gain", 8, [](const BlockObservation& b) { return b.gain; }},
    Column{"turn°", 8, [](const BlockObservation& b) { return b.angle_to_primary; }},
    Column{"σ1", 9, [](const BlockObservation& b) { return b.singular.sigma[0]; }},
    Column{"σ2", 8, [](const BlockObservation& b) { return b.singular.sigma[1]; }},
    Column{"singular°", 11,
           [](const BlockObservation& b) { return b.singular.angle_to_block_direction; }},
    Column{"eigenvalue", 12, [](const BlockObservation& b) { return b.eigen.real; }},
};

std::string mark_of(const Observation& o, std::int32_t block) {
  std::string marks;
  for (const StageObservation& stage : o.stages) {
    const auto in = [&](const std::vector<BlockFactor>& blocks) {
      return std::ranges::find(blocks, block, &BlockFactor::block) != blocks.end();
    };
    if (in(stage.explosion_blocks)) marks = "▲ explosion";
    if (in(stage.decay_blocks)) marks = "▼ decay";
  }
  return marks;
}

std::string table(const Observation& o, bool colours) {
  std::string out = "\nblock";
  for (const Column& column : kColumns) {
    out += right(column.title, column.width);
  }
  out += "\n";
  for (const BlockObservation& block : o.blocks) {
    const std::string mark = mark_of(o, block.block);
    const bool high = block.high_norm_count > 0;
    std::string line = right(std::to_string(block.block), 5);
    for (const Column& column : kColumns)
      line += right(number_text(column.value(block)), column.width);
    const std::string experts = words::experts_text(block);
    if (high || !mark.empty() || !experts.empty()) line += high ? "  │ " : "    ";
    line += mark + (mark.empty() || experts.empty() ? "" : ", ") + experts;
    out += colours && high ? "\x1b[36m" + line + "\x1b[0m\n" : line + "\n";
  }
  return out;
}

constexpr const char* kLegend =
    "\nnorms are medians over the probe; reference: the same tokens without attention; growth, "
    "gain: of the\n"
    "tokens the block is judged by; turn: from the block's direction to the primary one; singular: "
    "from the\n"
    "leading singular vector of the block's linear approximation to the block's direction; │ "
    "high-norm\n";

std::string about_linear_approximation(const Observation& o) {
  constexpr std::size_t kLongest = 2000;  // characters; a signature is a stranger's
  std::string out;
  for (const std::string& sentence : {words::linear_gains_text(o), words::no_spectral_text(o)}) {
    if (!sentence.empty()) out += "\n" + printable(sentence, kLongest) + "\n";
  }
  return out;
}

}  // namespace

std::string coordinates_text(const std::vector<float>& direction) {
  std::string out;
  for (const std::size_t i : largest_coordinates(direction, 5)) {
    out += text("%s%zu: %+.3f", out.empty() ? "" : "   ", i, static_cast<double>(direction[i]));
  }
  return out;
}

std::string inspection_text(const Observation& observation, const std::string& name,
                            const std::string& fault, bool colours) {
  return about_model(observation, name) + about_direction(observation, fault) +
         about_vocabulary(observation.probe.vocabulary) + table(observation, colours) + kLegend +
         about_linear_approximation(observation) +
         (observation.text ? text_report(*observation.text) : "") +
         text("\n%.2f s, %.2f CPU s\n", observation.cost.analysis_wall_seconds,
              observation.cost.analysis_cpu_seconds);
}

}  // namespace azimuth::cli
