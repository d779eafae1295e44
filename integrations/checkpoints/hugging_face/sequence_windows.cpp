// Families with windows, and those whose blocks differ in how they know positions.

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "hugging_face/sequence_readers.h"

namespace azimuth::sequence_readers {
namespace {

using namespace family;

// A factor for each pair of numbers is not to be had for each block.
void expect_no_factors(const Model& model, const Rotary& rotary) {
  if (rotary.scaling == Rotary::Scaling::longrope) {
    model.fields.fail("rope_parameters", "is longrope, which is not supported where blocks differ");
  }
}

// Where blocks differ: `change` is called with each, from 0.
template <class Change>
void by_block(const Model& model, Sequences& s, const Change& change) {
  if (s.attention.size() == 1) {
    const AttentionReach usual = s.attention.front();
    if (usual.rotary) expect_no_factors(model, *usual.rotary);
    s.attention.assign(static_cast<std::size_t>(model.blocks()), usual);
  }
  for (std::size_t block = 0; block < s.attention.size(); ++block) {
    change(static_cast<std::int64_t>(block), s.attention[block]);
  }
}

void set_windows(const Model& model, Sequences& s, std::int64_t window,
                 const std::vector<bool>& sliding) {
  if (window == 0 || std::ranges::count(sliding, true) == 0) return;
  by_block(model, s, [&](std::int64_t block, AttentionReach& reach) {
    if (sliding[static_cast<std::size_t>(block)]) reach.window = window;
  });
}

void window_of(const Model& model, Sequences& s, std::int64_t otherwise) {
  s.attention.front().window = read_window(model.fields, otherwise);
}

// Every `period`-th block is without.
void window_by_period(const Model& model, Sequences& s, std::int64_t window, std::int64_t period) {
  set_windows(model, s, read_window(model.fields, window),
              read_sliding(model.fields, model.blocks(),
                           [=](std::int64_t block) { return (block + 1) % period != 0; }));
}

// Blocks from some on.
void windows_at_the_end(const Model& model, Sequences& s, std::int64_t otherwise) {
  const std::int64_t first =
      model.fields.count_from_zero("max_window_layers", otherwise, kMaxPattern);
  set_windows(model, s, read_window(model.fields, 4'096),
              read_sliding(model.fields, model.blocks(),
                           [&](std::int64_t block) { return block >= first; }));
}

void qwen_windows(const Model& model, Sequences& s, std::int64_t otherwise) {
  if (model.fields.flag("use_sliding_window", false)) windows_at_the_end(model, s, otherwise);
}

void gemma_scale(const Model& model, Sequences& s, double cap, double logit_cap) {
  const double scalar = model.fields.real("query_pre_attn_scalar", 256, kMax);
  if (scalar == 0) model.fields.fail("query_pre_attn_scalar", "is 0");
  s.attention_scale = 1 / std::sqrt(scalar);
  const auto cap_of = [&](std::string_view key, double otherwise) {
    return model.fields.is_null(key) ? 0 : model.fields.real(key, otherwise, kMax);
  };
  s.attention_cap = cap_of("attn_logit_softcapping", cap);
  s.logit_cap = cap_of("final_logit_softcapping", logit_cap);
  constexpr std::string_view both = "use_bidirectional_attention";
  if (model.fields.flag(both, false)) model.fields.fail(both, "is true");
}

// Blocks with a window have a rotary of their own. Older files have that of the others under
// `rope_scaling`, and bases beside it.
void rotary_by_type(const Model& model, Sequences& s, const std::vector<bool>& sliding,
                    double sliding_base) {
  const ConfigFields all = model.fields.object("rope_parameters");
  const ConfigFields older = model.fields.object("rope_scaling");
  const ConfigFields full = all.object("full_attention");
  if (!older.json().empty() && !full.json().empty()) {
    model.fields.fail("rope_scaling", "stands beside rope_parameters");
  }
  for (const auto& [key, value] : all.json().items()) {
    if (key != "full_attention" && key != "sliding_attention") {
      all.fail(key.substr(0, 120), "is not of a kind of attention");
    }
  }
  const Rotary rotary = read_rotary(older.json().empty() ? full : older, model.fields,
                                    model.head_size(), model.facts);
  ConfigFields::Json around = model.fields.json();
  around["rope_theta"] = sliding_base;
  const Rotary other = read_rotary(all.object("sliding_attention"), model.fields.with(around),
                                   model.head_size(), model.facts);
  for (const Rotary* each : {&rotary, &other}) expect_no_factors(model, *each);
  by_block(model, s, [&](std::int64_t block, AttentionReach& reach) {
    reach.rotary = sliding[static_cast<std::size_t>(block)] ? other : rotary;
  });
}

// Every so many blocks, if the file does not say which, have no window, and know no positions.
void rotary_in_windows(const Model& model, Sequences& s, std::int64_t window) {
  const std::int64_t period = model.fields.count({"sliding_window_pattern"}, 4, kMaxPattern);
  const std::vector<bool> sliding = read_sliding(
      model.fields, model.blocks(), [&](std::int64_t b) { return (b + 1) % period != 0; });
  by_block(model, s, [&](std::int64_t block, AttentionReach& reach) {
    if (!sliding[static_cast<std::size_t>(block)]) reach.rotary.reset();
    reach.window = sliding[static_cast<std::size_t>(block)] ? window : 0;
  });
}

}  // namespace

void mistral(const Model& model, Sequences& s) { window_of(model, s, 4'096); }

void window_if_given(const Model& model, Sequences& s) { window_of(model, s, 0); }

void qwen(const Model& model, Sequences& s) { qwen_windows(model, s, 28); }

void qwen_vl(const Model& model, Sequences& s) { qwen_windows(model, s, 80); }

void ministral(const Model& model, Sequences& s) {
  set_windows(model, s, read_window(model.fields, 4'096),
              read_sliding(model.fields, model.blocks(), [](std::int64_t) { return true; }));
}

void qwen2_moe(const Model& model, Sequences& s) {
  if (!model.fields.flag("use_sliding_window", false)) return;
  const std::int64_t first = model.fields.count_from_zero("max_window_layers", 28, kMaxPattern);
  set_windows(model, s, read_window(model.fields, 4'096),
              read_sliding(model.fields, model.blocks(),
                           [&](std::int64_t block) { return block % 2 == 0 && block < first; }));
}

void qwen3_moe(const Model& model, Sequences& s) {
  if (model.fields.flag("use_sliding_window", false)) window_of(model, s, 4'096);
}

void dots1(const Model& model, Sequences& s) { windows_at_the_end(model, s, 62); }

void smollm3(const Model& model, Sequences& s) {
  constexpr std::string_view key = "no_rope_layers";
  const std::int64_t period = model.fields.count({"no_rope_layer_interval"}, 4, kMaxPattern);
  std::vector<std::int64_t> turns = model.fields.counts(key, 1);
  if (!model.fields.gives(key)) {
    for (std::int64_t b = 0; b < model.blocks(); ++b) turns.push_back((b + 1) % period != 0);
  }
  if (std::ssize(turns) != model.blocks()) model.fields.fail(key, "is not of every block");
  by_block(model, s, [&](std::int64_t block, AttentionReach& reach) {
    if (turns[static_cast<std::size_t>(block)] == 0) reach.rotary.reset();
  });
  if (!model.fields.flag("use_sliding_window", false)) return;
  const std::int64_t window = read_window(model.fields, 0);
  const std::vector<bool> sliding =
      read_sliding(model.fields, model.blocks(),
                   [&](std::int64_t block) { return turns[static_cast<std::size_t>(block)] == 0; });
  for (std::size_t b = 0; b < sliding.size(); ++b) {
    if (sliding[b]) s.attention[b].window = window;
  }
}

void gemma2(const Model& model, Sequences& s) {
  gemma_scale(model, s, 50, 30);
  window_by_period(model, s, 4'096, 2);
}

void gemma3(const Model& model, Sequences& s) {
  gemma_scale(model, s, 0, 0);
  const std::int64_t period = model.fields.count({"sliding_window_pattern"}, 6, kMaxPattern);
  const std::vector<bool> sliding = read_sliding(
      model.fields, model.blocks(), [&](std::int64_t b) { return (b + 1) % period != 0; });
  set_windows(model, s, read_window(model.fields, 4'096), sliding);
  rotary_by_type(model, s, sliding, model.fields.real("rope_local_base_freq", 10'000, kMax));
}

void olmo3(const Model& model, Sequences& s) {
  const std::vector<bool> sliding =
      read_sliding(model.fields, model.blocks(), [](std::int64_t b) { return (b + 1) % 4 != 0; });
  set_windows(model, s, read_window(model.fields, 4'096), sliding);
  rotary_by_type(model, s, sliding, model.facts.base);
}

void cohere2(const Model& model, Sequences& s) {
  s.logit_scale = model.fields.real("logit_scale", 0.0625, kMax);
  const std::int64_t window = read_window(model.fields, 4'096);
  if (window == 0) model.fields.fail("sliding_window", "is null");
  rotary_in_windows(model, s, window);
}

void exaone4(const Model& model, Sequences& s) {
  const std::int64_t window = read_window(model.fields, 4'096);
  if (window > 0) rotary_in_windows(model, s, window);  // else all blocks are alike
}

void gpt_neo(const Model& model, Sequences& s) {
  s.attention_scale = 1;
  const std::int64_t window = model.fields.count({"window_size"}, 256, kMaxPattern);
  constexpr std::string_view key = "attention_types";
  std::vector<bool> sliding;
  const auto& json = model.fields.json();
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) {
    for (std::int64_t b = 0; b < model.blocks(); ++b) sliding.push_back(b % 2 == 1);
  } else {
    // [[["global", "local"], 12]]: that list, twelve times.
    const auto bad = [&] {
      model.fields.fail(key, "is not a list of lists and how often each is");
    };
    if (!found->is_array()) bad();
    for (const auto& entry : *found) {
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_array() ||
          !entry[1].is_number_unsigned() || entry[1] > kMaxPattern) {
        bad();
      }
      for (std::int64_t times = entry[1]; times > 0 && std::ssize(sliding) <= model.blocks();
           --times) {
        for (const auto& type : entry[0]) {
          if (type != "global" && type != "local") bad();
          sliding.push_back(type == "local");
        }
      }
    }
  }
  if (std::ssize(sliding) != model.blocks()) model.fields.fail(key, "is not of every block");
  set_windows(model, s, window, sliding);
}

void gpt_oss(const Model& model, Sequences& s) {
  if (!model.fields.gives("rope_parameters") && !model.fields.gives("rope_scaling")) {
    s.attention.front().rotary = Rotary{.base = model.facts.base,
                                        .scaling = Rotary::Scaling::yarn,
                                        .factor = 32,
                                        .positions = 4'096,
                                        .truncated = false,
                                        .magnitude = 0.1 * std::log(32.0) + 1};
  }
  window_by_period(model, s, 128, 2);
}

}  // namespace azimuth::sequence_readers
