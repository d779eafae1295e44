#include "gguf/gguf_sequences.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "azimuth/file_error.h"

// Source: what llama.cpp's models compute (src/models/*.cpp, llama_model_rope_type), of commit
// 0c1e57098. Where Transformers has a window and llama.cpp has none, a file says nothing of it.
namespace azimuth {
namespace {

using Fields = const GgufFields&;

constexpr std::int64_t kMax = 1ll << 40;
constexpr std::string_view kWindow = "attention.sliding_window";

struct GgufSequences {
  std::string_view family;
  bool rotary = true;
  /// Pairs are neighbours: as they were in the model, or since the converter permutes the rows.
  bool neighbours = false;
  /// There must be norms of queries and keys; elsewhere there may.
  bool query_norms = false;
  /// Pairs take the position in a picture, each its own; in a text these are one.
  bool sections = false;
  /// What the above does not say.
  void (*read)(Fields fields, const Architecture& a,
               Sequences& s) = [](Fields fields, const Architecture&, Sequences&) {
    if (fields.has(kWindow) && fields.integer(kWindow) != 0) {
      fields.fail(kWindow, "is not known of this family");
    }
  };
};

double positive(Fields fields, std::string_view key, double otherwise) {
  const double value = fields.has(key) ? fields.real(key) : otherwise;
  if (!(value > 0) || !std::isfinite(value)) fields.fail(key, "is not a positive number");
  return value;
}

std::int64_t head_size(Fields fields, const Architecture& a) {
  return fields.count("attention.key_length", fields.count("embedding_length", kMax) / a.heads,
                      kMax);
}

// Frequencies are divided by the numbers of a tensor.
std::vector<double> factors(Fields fields, std::string_view tensor) {
  std::vector<double> all;
  for (const float factor : fields.numbers(tensor)) all.push_back(factor);
  return all;
}

Rotary read_rotary(Fields fields, const Architecture& a, const GgufSequences& family) {
  Rotary rotary;
  rotary.neighbours = family.neighbours;
  rotary.base = positive(fields, "rope.freq_base", 10'000);
  const std::int64_t size = fields.count("rope.dimension_count", head_size(fields, a), kMax);
  rotary.size = size == head_size(fields, a) ? 0 : size;
  for (const std::string_view key :
       {"rope.scaling.alpha", "rope.scaling.yarn_log_multiplier", "rope.scale_linear"}) {
    if (fields.has(key)) fields.fail(key, "is not supported");
  }
  if (constexpr std::string_view key = "rope.dimension_sections";
      fields.has(key) && !family.sections) {
    fields.fail(key, "is not supported");
  }
  if (fields.has_tensor("rope_freqs.weight")) {
    rotary.scaling = Rotary::Scaling::longrope;
    rotary.positions = 1;
    rotary.short_factors = rotary.long_factors = factors(fields, "rope_freqs.weight");
    return rotary;
  }
  constexpr std::string_view original = "rope.scaling.original_context_length";
  if (fields.has_tensor("rope_factors_long.weight")) {
    rotary.scaling = Rotary::Scaling::longrope;
    rotary.positions = static_cast<double>(fields.count(original, kMax));
    rotary.magnitude = positive(fields, "rope.scaling.attn_factor", 1);
    rotary.long_factors = factors(fields, "rope_factors_long.weight");
    rotary.short_factors = factors(fields, "rope_factors_short.weight");
    return rotary;
  }
  constexpr std::string_view type = "rope.scaling.type";
  const std::string_view scaling = fields.has(type) ? fields.string(type) : "linear";
  constexpr std::string_view factor = "rope.scaling.factor";
  if (scaling == "yarn") {
    rotary.scaling = Rotary::Scaling::yarn;
    rotary.factor = positive(fields, factor, 1);
    rotary.positions = static_cast<double>(fields.count(original, kMax));
    rotary.fast = positive(fields, "rope.scaling.yarn_beta_fast", 32);
    rotary.slow = positive(fields, "rope.scaling.yarn_beta_slow", 1);
    rotary.magnitude = positive(fields, "rope.scaling.attn_factor", 1) *
                       (1 + 0.1 * std::log(std::max(rotary.factor, 1.0)));
    return rotary;
  }
  if (scaling != "linear" && scaling != "none") {
    fields.fail(type, "is '" + std::string(scaling.substr(0, 120)) +
                          "'; linear, longrope, none and yarn are supported");
  }
  if (scaling == "none" || !fields.has(factor) || fields.real(factor) == 0) return rotary;
  rotary.scaling = Rotary::Scaling::linear;
  rotary.factor = positive(fields, factor, 1);
  return rotary;
}

// Where blocks differ: a list of theirs, or every so many is without.
std::vector<bool> sliding_blocks(Fields fields, std::int64_t period) {
  constexpr std::string_view key = "attention.sliding_window_pattern";
  const std::int64_t blocks = fields.blocks();
  if (fields.is_array(key)) {
    std::vector<bool> sliding = fields.flags(key);
    if (std::ssize(sliding) != blocks) fields.fail(key, "is not of every block");
    return sliding;
  }
  period = fields.count(key, period, kMax);
  std::vector<bool> sliding;
  for (std::int64_t b = 0; b < blocks; ++b) sliding.push_back((b + 1) % period != 0);
  return sliding;
}

template <class Change>
void set_sliding(Fields fields, Sequences& s, const std::vector<bool>& sliding,
                 const Change& change) {
  const AttentionReach usual = s.attention.front();
  // A factor for each pair of numbers is not to be had for each block.
  if (usual.rotary && usual.rotary->scaling == Rotary::Scaling::longrope) {
    fields.fail("rope.scaling.type", "is by factors, which is not supported where blocks differ");
  }
  s.attention.assign(sliding.size(), usual);
  for (std::size_t b = 0; b < sliding.size(); ++b) change(sliding[b], s.attention[b]);
}

// From the first on, if the file does not say.
void every_other_slides(Fields fields, Sequences& s, std::int64_t window) {
  set_sliding(fields, s, sliding_blocks(fields, 2), [&](bool slides, AttentionReach& reach) {
    if (slides) reach.window = window;
  });
}

void read_softcaps(Fields fields, Sequences& s) {
  const auto cap = [&](std::string_view key) { return fields.has(key) ? fields.real(key) : 0; };
  s.attention_cap = cap("attn_logit_softcapping");
  s.logit_cap = cap("final_logit_softcapping");
}

// The largest of each has heads that are smaller than what their scale is made of.
void read_gemma_scale(Fields fields, const Architecture& a, Sequences& s, std::int64_t largest) {
  if (fields.blocks() != largest) return;
  s.attention_scale =
      1 / std::sqrt(static_cast<double>(fields.count("embedding_length", kMax) / a.heads));
}

void read_gemma2(Fields fields, const Architecture& a, Sequences& s) {
  read_softcaps(fields, s);
  if (s.attention_cap == 0) s.attention_cap = 50;
  if (s.logit_cap == 0) s.logit_cap = 30;
  read_gemma_scale(fields, a, s, 46);
  every_other_slides(fields, s, fields.count(kWindow, 4'096, kMax));
}

// Blocks with a window have a base of their own, and no scaling.
void read_base_of_sliding(Fields fields, double otherwise, std::int64_t period, Sequences& s) {
  if (!fields.has(kWindow) || fields.integer(kWindow) == 0) return;
  const std::int64_t window = fields.count(kWindow, kMax);
  Rotary other = {.size = s.attention.front().rotary->size,
                  .neighbours = s.attention.front().rotary->neighbours,
                  .base = positive(fields, "rope.freq_base_swa", otherwise)};
  set_sliding(fields, s, sliding_blocks(fields, period), [&](bool slides, AttentionReach& reach) {
    if (!slides) return;
    reach.window = window;
    reach.rotary = other;
  });
}

void read_gemma3(Fields fields, const Architecture& a, Sequences& s) {
  read_softcaps(fields, s);
  read_gemma_scale(fields, a, s, 62);
  read_base_of_sliding(fields, 10'000, 6, s);
}

void read_olmo2(Fields fields, const Architecture&, Sequences& s) {
  read_base_of_sliding(fields, s.attention.front().rotary->base, 4, s);
}

void read_logit_scale(Fields fields, const Architecture&, Sequences& s) {
  s.logit_scale = positive(fields, "logit_scale", 1);
}

// Every fourth block, if the file does not say, has no window, and knows no positions.
void turn_in_windows(Fields fields, Sequences& s, std::int64_t window) {
  set_sliding(fields, s, sliding_blocks(fields, 4), [&](bool slides, AttentionReach& reach) {
    if (slides) {
      reach.window = window;
    } else {
      reach.rotary.reset();
    }
  });
}

void read_cohere2(Fields fields, const Architecture& a, Sequences& s) {
  read_logit_scale(fields, a, s);
  turn_in_windows(fields, s, fields.count(kWindow, kMax));
}

void read_exaone4(Fields fields, const Architecture&, Sequences& s) {
  if (fields.blocks() != 64) return;  // the smaller has no windows, whatever the key says
  turn_in_windows(fields, s, fields.count(kWindow, 4'096, kMax));
}

void read_smollm3(Fields fields, const Architecture&, Sequences& s) {
  std::vector<bool> turns;
  for (std::int64_t b = 0; b < fields.blocks(); ++b) turns.push_back((b + 1) % 4 != 0);
  set_sliding(fields, s, turns, [](bool turns_here, AttentionReach& reach) {
    if (!turns_here) reach.rotary.reset();
  });
}

void read_phi3(Fields fields, const Architecture&, Sequences& s) {
  if (!fields.has(kWindow) || fields.integer(kWindow) == 0) return;
  s.attention.front().window = fields.count(kWindow, kMax);
}

// Of its published files those with long sequences scale what they turn by a rule of their own.
void read_phimoe(Fields fields, const Architecture& a, Sequences& s) {
  constexpr std::string_view factors = "rope_factors_long.weight";
  if (fields.has_tensor(factors)) fields.fail(factors, "is not supported in this family");
  read_phi3(fields, a, s);
}

void read_granite(Fields fields, const Architecture&, Sequences& s) {
  constexpr std::string_view scale = "attention.scale";
  if (fields.has(scale) && fields.real(scale) != 0) s.attention_scale = fields.real(scale);
  s.logit_scale = 1 / positive(fields, "logit_scale", 1);
}

void read_gpt_oss(Fields fields, const Architecture&, Sequences& s) {
  s.attention.front().rotary->truncated = false;
  every_other_slides(fields, s, fields.count(kWindow, kMax));
}

void read_hunyuan(Fields, const Architecture&, Sequences& s) { s.norms_behind_rotary = true; }

void read_bloom(Fields, const Architecture&, Sequences& s) { s.attention.front().alibi.emplace(); }

void read_mpt(Fields fields, const Architecture&, Sequences& s) {
  constexpr std::string_view key = "attention.max_alibi_bias";
  if (fields.has(key) && fields.real(key) != 0) {
    s.attention.front().alibi = Alibi{.steepest = positive(fields, key, 8)};
  }
}

constexpr GgufSequences kFamilies[] = {
    {.family = "apertus", .query_norms = true},
    {.family = "arcee", .neighbours = true},
    {.family = "bloom", .rotary = false, .read = read_bloom},
    {.family = "chatglm", .neighbours = true},
    {.family = "cohere2", .neighbours = true, .read = read_cohere2},
    {.family = "command-r", .neighbours = true, .read = read_logit_scale},
    {.family = "dots1", .query_norms = true},
    {.family = "ernie4_5", .neighbours = true},
    {.family = "ernie4_5-moe", .neighbours = true},
    {.family = "exaone4", .query_norms = true, .read = read_exaone4},
    {.family = "falcon"},
    {.family = "gemma"},
    {.family = "gemma2", .read = read_gemma2},
    {.family = "gemma3", .query_norms = true, .read = read_gemma3},
    {.family = "glm4", .neighbours = true},
    {.family = "glm4moe"},
    {.family = "gpt-oss", .read = read_gpt_oss},
    {.family = "gpt2", .rotary = false},
    {.family = "gptneox"},
    {.family = "granite", .neighbours = true, .read = read_granite},
    {.family = "granitemoe", .neighbours = true, .read = read_granite},
    {.family = "hunyuan-dense", .query_norms = true, .read = read_hunyuan},
    {.family = "lfm2", .query_norms = true},
    {.family = "llama", .neighbours = true},
    {.family = "minimax-m2", .query_norms = true},
    {.family = "mpt", .rotary = false, .read = read_mpt},
    {.family = "nemotron"},
    {.family = "olmo", .neighbours = true},
    {.family = "olmo2", .query_norms = true, .read = read_olmo2},
    {.family = "olmoe", .query_norms = true},
    {.family = "phi2"},
    {.family = "phi3", .read = read_phi3},
    {.family = "phimoe", .read = read_phimoe},
    {.family = "qwen2"},
    {.family = "qwen2moe"},
    {.family = "qwen2vl", .sections = true},
    {.family = "qwen3", .query_norms = true},
    {.family = "qwen3moe", .query_norms = true},
    {.family = "qwen3vl", .query_norms = true, .sections = true},
    {.family = "qwen3vlmoe", .query_norms = true, .sections = true},
    {.family = "seed_oss"},
    {.family = "smollm3", .neighbours = true, .read = read_smollm3},
    {.family = "stablelm"},
    {.family = "starcoder2"},
};

}  // namespace

Sequences gguf_sequences(Fields fields, std::string_view name, const Architecture& a) {
  Sequences s;
  const auto* const family = std::ranges::find(kFamilies, name, &GgufSequences::family);
  if (family == std::end(kFamilies)) {
    s.unknown = "how GGUF's " + std::string(name) + " reads sequences is not known";
    return s;
  }
  try {
    s.unknown = "";
    s.attention.resize(1);
    if (family->rotary) s.attention.front().rotary = read_rotary(fields, a, *family);
    s.query_norms = family->query_norms || fields.has_tensor("blk.0.attn_q_norm.weight");
    family->read(fields, a, s);
  } catch (const FileError& error) {
    s = {};
    s.unknown = error.what();
  }
  return s;
}

}  // namespace azimuth
