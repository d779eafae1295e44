#include "calls/text_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "azimuth/median.h"
#include "azimuth/thresholds.h"
#include "calls/number_text.h"
#include "terminal/format_text.h"
#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

constexpr std::size_t kTokensShown = 16;
constexpr std::size_t kSpelling = 16;  // characters

long long counted(std::int64_t count) { return static_cast<long long>(count); }

std::string percent_text(double share) {
  return std::isnan(share) ? "none" : text("%.3g%%", 100 * share);
}

std::string about_initial(const TextObservation& o) {
  std::int64_t high = 0;
  double peak = 0;
  std::int32_t first = 0;
  std::int32_t last = 0;
  for (const TextToken& token : o.initial_tokens) {
    high += token.high_norm;
    peak = std::max(peak, token.peak_ratio);
    first = first == 0 ? token.first_block : std::min(first, token.first_block);
    last = std::max(last, token.last_block);
  }
  std::string out =
      text("  initial tokens: %lld of %lld high-norm", counted(high), counted(o.sequences));
  if (high == 0) return out + "\n";
  return out + text(", from block %d to %d, up to %.4g times the median of their sequence\n", first,
                    last, peak);
}

std::string token_row(const TextToken& token) {
  std::string out = right(std::to_string(token.id), 9) + "  ";
  out += left(printable(token.spelling, kSpelling), kSpelling + 1);
  out += right(text("%lld of %lld", counted(token.high_norm), counted(token.occurrences)), 15);
  out += right(number_text(token.peak_ratio), 9) + right(number_text(token.ratio_alone), 9);
  const bool high = token.high_norm > 0;
  out += right(high ? text("%d–%d", token.first_block, token.last_block) : "–", 9);
  if (token.explosion_block == 0) return out + "\n";
  out += right(std::to_string(token.explosion_block), 6) + right(number_text(token.response), 10);
  return out + right(number_text(token.response_alone), 9) + "\n";
}

std::string about_others(const TextObservation& o) {
  std::int64_t high = 0;
  std::int64_t types = 0;
  for (const TextToken& token : o.other_tokens) {
    high += token.high_norm;
    types += token.high_norm > 0 ? 1 : 0;
  }
  const std::int64_t all = o.sequences * (o.length - 1);
  std::string out = text("  at other positions: %lld of %lld high-norm, of %lld different tokens\n",
                         counted(high), counted(all), counted(types));
  if (o.other_tokens.empty()) return out;
  out +=
      "\n    token  spelling               often    ratio    alone   blocks    FFN  response    "
      "alone\n";
  for (std::size_t i = 0; i < std::min(o.other_tokens.size(), kTokensShown); ++i) {
    out += token_row(o.other_tokens[i]);
  }
  if (o.other_tokens.size() > kTokensShown) {
    out += text("        … (%zu)\n", o.other_tokens.size());
  }
  return out;
}

// What attention does to the FFN's response to tokens, as a median over them.
std::string about_response(const std::vector<TextToken>& tokens, bool exploded, const char* words) {
  std::vector<double> brought;
  for (const TextToken& token : tokens) {
    const bool predicted = token.ratio_alone >= Thresholds().high_norm_ratio;
    const bool wrong = predicted != (token.high_norm > 0);
    if (wrong && predicted != exploded) brought.push_back(token.response / token.response_alone);
  }
  if (brought.empty()) return {};
  const std::size_t count = brought.size();
  return text(words, count, number_text(median(std::move(brought))).c_str());
}

std::string about_prediction(const TextObservation& o) {
  const TextPrediction& types = o.types;
  const TextPrediction& times = o.occurrences;
  if (types.predicted == 0 && types.exploded == 0) return {};
  return text(
             "\nPrediction from weights alone: %lld tokens in the text explode by themselves; on "
             "text %lld of them do\n(precision %s, of occurrences %s). Of %lld tokens that do, "
             "%lld are among them (recall %s, of occurrences %s).\n",
             counted(types.predicted), counted(types.both), percent_text(types.precision).c_str(),
             percent_text(times.precision).c_str(), counted(types.exploded), counted(types.both),
             percent_text(types.recall).c_str(), percent_text(times.recall).c_str()) +
         about_response(o.other_tokens, false,
                        "From %zu that do not, attention keeps away what they explode by: the FFN "
                        "of that block responds\n%s times (median) as strongly as to the token by "
                        "itself.\n") +
         about_response(
             o.other_tokens, true,
             "To %zu that are not predicted attention brings it: the FFN of the block "
             "where they explode responds\n%s times (median) as strongly as to the token "
             "by itself.\n");
}

std::string about_directions(const TextObservation& o) {
  std::string out;
  for (std::size_t s = 0; s < o.stages.size(); ++s) {
    const TextStage& stage = o.stages[s];
    if (stage.states == 0) continue;
    out += text("  stage %zu: the mean of %lld hidden states", s + 1, counted(stage.states));
    if (!std::isnan(stage.angle_to_weights)) {
      out += text(" lies %.3g° from the direction from weights", stage.angle_to_weights);
    }
    out += text(" (alignment %.4g)\n", stage.alignment);
  }
  return out.empty() ? out : "\nEmpirical direction\n" + out;
}

struct TextColumn {
  const char* title;
  std::size_t width;
  double (*value)(const TextBlock&);
};

constexpr std::array kTextColumns = {
    TextColumn{"ordinary", 10, [](const TextBlock& b) { return b.reference_norm; }},
    TextColumn{"initial", 9, [](const TextBlock& b) { return b.initial_norm; }},
    TextColumn{"others", 9, [](const TextBlock& b) { return b.others_norm; }},
    TextColumn{"growth", 9, [](const TextBlock& b) { return b.growth; }},
    TextColumn{"weights°", 10, [](const TextBlock& b) { return b.angle_to_weights; }},
    TextColumn{"singular°", 11, [](const TextBlock& b) { return b.singular_angle; }},
    TextColumn{"eigenvector°", 14, [](const TextBlock& b) { return b.eigen_angle; }},
};

std::string text_table(const TextObservation& o) {
  std::string out = "\nblock";
  for (const TextColumn& column : kTextColumns) out += right(column.title, column.width);
  out += right("high-norm", 14) + "\n";
  for (const TextBlock& block : o.blocks) {
    out += right(std::to_string(block.block), 5);
    for (const TextColumn& column : kTextColumns) {
      out += right(number_text(column.value(block)), column.width);
    }
    if (block.high_norm_initial + block.high_norm_others > 0) {
      out += right(
          text("%lld + %lld", counted(block.high_norm_initial), counted(block.high_norm_others)),
          14);
    }
    out += "\n";
  }
  return out;
}

constexpr const char* kTextLegend =
    "\nnorms are medians: of ordinary tokens, of initial ones, of those that are high-norm at "
    "other "
    "positions;\n"
    "weights: from the mean of the block's high-norm states to the stage's direction from weights; "
    "singular,\n"
    "eigenvector: from the stage's empirical direction to what the block's weights say; high-norm: "
    "initial + others;\n"
    "alignment: 1 where all hidden states lie along one direction; alone: the token without "
    "attention; "
    "FFN: the\nblock at which it explodes, and the norm of what its FFN adds\n";

}  // namespace

std::string text_report(const TextObservation& o) {
  return text("\nOn text: %lld sequences of %lld tokens, perplexity %.4g\n", counted(o.sequences),
              counted(o.length), o.perplexity) +
         about_initial(o) + about_others(o) + about_prediction(o) + about_directions(o) +
         text_table(o) + kTextLegend;
}

}  // namespace azimuth::cli
