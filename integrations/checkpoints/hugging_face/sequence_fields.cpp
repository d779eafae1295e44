#include "hugging_face/sequence_fields.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

namespace azimuth::family {
namespace {

constexpr double kMax = 1e12;
constexpr std::int64_t kMaxCount = 1ll << 40;
constexpr std::int64_t kMaxFactors = 65'536;

// What nobody reads here says something else: of images, which no text passes, alone it is known
// that it says nothing.
constexpr std::array kKnown = {
    "rope_type",        "type",           "rope_theta",
    "factor",           "mscale",         "original_max_position_embeddings",
    "beta_fast",        "beta_slow",      "partial_rotary_factor",
    "truncate",         "mscale_all_dim", "attention_factor",
    "short_factor",     "long_factor",    "low_freq_factor",
    "high_freq_factor", "mrope_section",  "mrope_interleaved",
};

double positive(const ConfigFields& fields, std::string_view key, double otherwise = 0) {
  const double number = fields.real(key, otherwise, kMax);
  if (number == 0) fields.fail(key, fields.gives(key) ? "is 0" : "is missing");
  return number;
}

// Zero means what null means.
double positive_or(const ConfigFields& fields, std::string_view key, double otherwise) {
  const double number = fields.real(key, 0, kMax);
  return number == 0 ? otherwise : number;
}

std::vector<double> factors(const ConfigFields& rope, std::string_view key, std::int64_t pairs) {
  if (!rope.gives(key)) rope.fail(key, "is missing");
  if (pairs > kMaxFactors) rope.fail(key, "is of too many pairs");
  return rope.reals(key, std::vector<double>(static_cast<std::size_t>(pairs)), kMax);
}

void read_yarn(const ConfigFields& rope, Rotary& rotary) {
  rotary.fast = positive_or(rope, "beta_fast", 32);
  rotary.slow = positive_or(rope, "beta_slow", 1);
  rotary.truncated = rope.flag("truncate", true);
  const double part = rope.real("mscale", 0, kMax);
  const double whole = rope.real("mscale_all_dim", 0, kMax);
  const double magnitude = part > 0 && whole > 0 ? yarn_magnitude(rotary.factor, part) /
                                                       yarn_magnitude(rotary.factor, whole)
                                                 : yarn_magnitude(rotary.factor, 1);
  rotary.magnitude = rope.real("attention_factor", magnitude, kMax);
}

void read_longrope(const ConfigFields& rope, std::int64_t size, Rotary& rotary) {
  rotary.short_factors = factors(rope, "short_factor", size / 2);
  rotary.long_factors = factors(rope, "long_factor", size / 2);
  const double magnitude =
      rotary.factor <= 1 ? 1 : std::sqrt(1 + std::log(rotary.factor) / std::log(rotary.positions));
  rotary.magnitude = rope.real("attention_factor", magnitude, kMax);
}

}  // namespace

double yarn_magnitude(double factor, double multiplier) {
  return factor <= 1 ? 1 : 0.1 * multiplier * std::log(factor) + 1;
}

ConfigFields rotary_settings(const ConfigFields& fields) {
  const ConfigFields older = fields.object("rope_scaling");
  return older.json().empty() ? fields.object("rope_parameters") : older;
}

Rotary read_rotary(const ConfigFields& rope, const ConfigFields& otherwise, std::int64_t head_size,
                   const SequenceFacts& facts) {
  using enum Rotary::Scaling;
  for (const auto& [key, value] : rope.json().items()) {
    if (std::ranges::count(kKnown, key) == 0) {
      rope.fail(key.substr(0, 120), "is not known of rotary positions");
    }
  }
  Rotary rotary;
  rotary.neighbours = facts.neighbours;
  rotary.base = positive(rope, "rope_theta", positive(otherwise, "rope_theta", facts.base));
  constexpr std::string_view part_key = "partial_rotary_factor";
  const double usual = facts.turning == 0 ? 1 : facts.turning;
  const double part = rope.real(part_key, otherwise.real(part_key, usual, 1), 1);
  if (facts.turning == 0 && part != 1) {
    (rope.gives(part_key) ? rope : otherwise).fail(part_key, "is not 1, and heads turn as a whole");
  }
  const auto size = static_cast<std::int64_t>(static_cast<double>(head_size) * part);
  rotary.size = size == head_size ? 0 : size;
  if (size == 0) rope.fail(part_key, "leaves nothing to turn");

  const std::string_view type = rope.text("rope_type", rope.text("type", "default"));
  // Of several numbers a position, those of text are all alike.
  if (type == "default" || type == "mrope") return rotary;
  constexpr std::string_view original = "original_max_position_embeddings";
  const std::string_view longest = "max_position_embeddings";
  const double positions = static_cast<double>(otherwise.count({longest}, 0, kMaxCount));
  if (type == "linear" || type == "dynamic") {
    rotary.scaling = type == "linear" ? linear : dynamic;
    rotary.factor = positive(rope, "factor");
    rotary.positions = type == "linear" ? 0 : positions;
    if (type == "dynamic" && positions == 0) otherwise.fail(longest, "is missing");
    return rotary;
  }
  if (type != "yarn" && type != "longrope" && type != "llama3") {
    rope.fail("rope_type", "'" + std::string(type.substr(0, 120)) +
                               "' is not known; known are default, dynamic, linear, llama3, "
                               "longrope, yarn");
  }
  rotary.positions = static_cast<double>(
      otherwise.count({original}, rope.count({original}, 0, kMaxCount), kMaxCount));
  if (rotary.positions == 0) rotary.positions = positions;
  if (rotary.positions == 0) rope.fail(original, "is missing");
  const bool must_say = type == "llama3" || positions == 0;
  rotary.factor = positive(rope, "factor", must_say ? 0 : positions / rotary.positions);
  if (type == "llama3") {
    rotary.scaling = llama3;
    rotary.slow = positive(rope, "low_freq_factor");
    rotary.fast = positive(rope, "high_freq_factor");
  } else if (type == "yarn") {
    rotary.scaling = yarn;
    read_yarn(rope, rotary);
  } else {
    rotary.scaling = longrope;
    read_longrope(rope, size, rotary);
  }
  return rotary;
}

std::int64_t read_window(const ConfigFields& fields, std::int64_t otherwise) {
  constexpr std::string_view key = "sliding_window";
  return fields.is_null(key) ? 0 : fields.count({key}, otherwise, kMaxCount);
}

std::vector<bool> read_sliding(const ConfigFields& fields, std::int64_t blocks,
                               const std::function<bool(std::int64_t)>& otherwise) {
  constexpr std::string_view key = "layer_types";
  std::vector<bool> sliding;
  if (!fields.gives(key)) {
    for (std::int64_t block = 0; block < blocks; ++block) sliding.push_back(otherwise(block));
    return sliding;
  }
  const std::vector<std::string> types = fields.texts(key);
  if (std::ssize(types) != blocks) {
    fields.fail(key, "has " + std::to_string(types.size()) + " entries for " +
                         std::to_string(blocks) + " blocks");
  }
  for (const std::string& type : types) {
    if (type != "sliding_attention" && type != "full_attention") {
      fields.fail(
          key, "has '" + type.substr(0, 120) + "'; full_attention and sliding_attention are known");
    }
    sliding.push_back(type == "sliding_attention");
  }
  return sliding;
}

}  // namespace azimuth::family
