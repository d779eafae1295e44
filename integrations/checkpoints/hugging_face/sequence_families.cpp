// What sequences of several tokens need, by family. What is not known makes no file fail: one-token
// sequences do without it.

#include "hugging_face/sequence_families.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "azimuth/file_error.h"
#include "hugging_face/sequence_fields.h"
#include "hugging_face/sequence_readers.h"

namespace azimuth {
namespace {

using namespace family;
using namespace sequence_readers;
using Fields = const ConfigFields&;

void cohere(const Model& model, Sequences& s) {
  s.logit_scale = model.fields.real("logit_scale", 0.0625, kMax);
  s.query_norms = model.fields.flag("use_qk_norm", false);
}

void granite(const Model& model, Sequences& s) {
  s.attention_scale = model.fields.real("attention_multiplier", 1, kMax);
  if (s.attention_scale == 0) model.fields.fail("attention_multiplier", "is 0");
  const double scaling = model.fields.real("logits_scaling", 1, kMax);
  if (scaling == 0) model.fields.fail("logits_scaling", "is 0");
  s.logit_scale = 1 / scaling;
}

void normed_by_flag(const Model& model, Sequences& s) {
  s.query_norms = model.fields.flag("qk_layernorm", false);
}

void glm4_moe(const Model& model, Sequences& s) {
  s.query_norms = model.fields.flag("use_qk_norm", false);
}

void hunyuan(const Model&, Sequences& s) { s.norms_behind_rotary = true; }

void gpt2(const Model& model, Sequences& s) {
  constexpr std::string_view key = "scale_attn_by_inverse_layer_idx";
  if (model.fields.flag(key, false)) model.fields.fail(key, "is true");
  if (!model.fields.flag("scale_attn_weights", true)) s.attention_scale = 1;
}

void gptj(const Model& model, Sequences& s) {
  Rotary rotary;
  rotary.neighbours = true;
  rotary.size = model.fields.count({"rotary_dim"}, 64, kMaxPattern);
  if (model.fields.is_null("rotary_dim")) model.fields.fail("rotary_dim", "is null");
  s.attention.front().rotary = rotary;
}

void gpt_neox(const Model& model, Sequences& s) {
  ConfigFields::Json around = model.fields.json();
  around["rope_theta"] = model.fields.real("rotary_emb_base", model.facts.base, kMax);
  around["partial_rotary_factor"] = model.fields.real("rotary_pct", model.facts.turning, 1);
  s.attention.front().rotary = model.rotary(around);
}

// Its older files call what is meant otherwise.
void phi3(const Model& model, Sequences& s) {
  const ConfigFields rope = rotary_settings(model.fields);
  ConfigFields::Json settings = rope.json();
  const std::string type(rope.text("rope_type", rope.text("type", "default")));
  if (type == "su" || type == "yarn") settings["rope_type"] = "longrope";
  if (type != "su" && type != "yarn" && type != "longrope" && type != "default") {
    rope.fail("rope_type", "'" + type.substr(0, 120) + "' is not known");
  }
  ConfigFields::Json around = model.fields.json();
  for (const char* key : {"original_max_position_embeddings", "max_position_embeddings"}) {
    if (!model.fields.gives(key)) around[key] = 4'096;
  }
  s.attention.front().rotary =
      read_rotary(rope.with(settings), model.fields.with(around), model.head_size(), model.facts);
  s.attention.front().window = read_window(model.fields, 0);
}

void phimoe(const Model& model, Sequences& s) {
  const ConfigFields rope = rotary_settings(model.fields);
  const std::string_view type = rope.text("rope_type", rope.text("type", "default"));
  if (type != "default") {
    rope.fail("rope_type", "'" + std::string(type.substr(0, 120)) + "' is not supported");
  }
  s.attention.front().rotary = model.rotary();
  s.attention.front().window = read_window(model.fields, 0);
}

void bloom(const Model&, Sequences& s) { s.attention.front().alibi = Alibi{}; }

void mpt(const Model& model, Sequences& s) {
  const ConfigFields attention = model.fields.object("attn_config");
  if (!attention.flag("alibi", true)) attention.fail("alibi", "is false");
  if (attention.flag("qk_ln", false)) attention.fail("qk_ln", "is true");
  if (attention.real("alibi_bias_max", 8, kMax) != 8) attention.fail("alibi_bias_max", "is not 8");
  s.attention_scale = attention.real("softmax_scale", 0, kMax);
  s.attention.front().alibi = Alibi{};
}

void falcon(const Model& model, Sequences& s) {
  AttentionReach& reach = s.attention.front();
  if (model.fields.flag("alibi", false)) {
    reach.alibi = Alibi{.scaled = true, .bfloat16 = true};
  } else {
    reach.rotary = model.rotary();
  }
}

// Its class scales positions where the file says nothing.
void apertus(const Model& model, Sequences& s) {
  if (model.fields.gives("rope_parameters") || model.fields.gives("rope_scaling")) return;
  s.attention.front().rotary = Rotary{.base = model.facts.base,
                                      .scaling = Rotary::Scaling::llama3,
                                      .factor = 8,
                                      .positions = 8'192,
                                      .slow = 1,
                                      .fast = 4};
}

void minimax(const Model& model, Sequences& s) {
  if (!model.fields.gives("rotary_dim")) return;
  ConfigFields::Json around = model.fields.json();
  if (!model.fields.gives("partial_rotary_factor")) {
    around["partial_rotary_factor"] =
        static_cast<double>(model.fields.count({"rotary_dim"}, 0, kMaxPattern)) /
        static_cast<double>(model.head_size());
  }
  s.attention.front().rotary = model.rotary(around);
}

// Of a head's queries and keys a part turns. YaRN changes the scale, in which both parts count.
void deepseek(const Model& model, Sequences& s) {
  const LatentSizes& latent = model.config.architecture.latent;
  const ConfigFields rope = rotary_settings(model.fields);
  Rotary rotary = read_rotary(rope, model.fields, latent.rotated_key_size, model.facts);
  const double multiplier = rope.real("mscale_all_dim", 0, kMax);
  if (rotary.scaling != Rotary::Scaling::none && multiplier > 0) {
    const auto size = static_cast<double>(latent.key_size + latent.rotated_key_size);
    s.attention_scale = std::pow(yarn_magnitude(rotary.factor, multiplier), 2) / std::sqrt(size);
  }
  s.attention.front().rotary = std::move(rotary);
}

void deepseek_v3(const Model& model, Sequences& s) {
  deepseek(model, s);
  s.attention.front().rotary->neighbours = model.fields.flag("rope_interleave", true);
}

// Its class turns half of each head, whatever the file says around its settings.
void bamba(const Model& model, Sequences& s) {
  ConfigFields::Json around = model.fields.json();
  around.erase("partial_rotary_factor");
  s.attention.front().rotary = model.rotary(around);
}

// An older name counts more.
void lfm2(const Model& model, Sequences& s) {
  s.tied_head = model.fields.flag("tie_embedding", s.tied_head);
}

struct SequenceFamily {
  std::string_view model_type;
  SequenceFacts facts;
  /// What the facts do not say.
  void (*read)(const Model& model, Sequences& sequences) = [](const Model&, Sequences&) {};
};

constexpr SequenceFamily kFamilies[] = {
    {"apertus", {.base = 12e6, .query_norms = true}, apertus},
    {"arcee", {}},
    {"bamba", {.rotary = false, .turning = 0.5}, bamba},
    {"bloom", {.rotary = false, .tied = true}, bloom},
    {"cohere", {.base = 5e5, .neighbours = true, .tied = true}, cohere},
    {"cohere2", {.neighbours = true, .tied = true}, cohere2},
    {"deepseek_v2", {.rotary = false, .neighbours = true}, deepseek},
    {"deepseek_v3", {.rotary = false}, deepseek_v3},
    {"dots1", {.query_norms = true}, dots1},
    {"ernie4_5", {.base = 5e5, .neighbours = true, .tied = true}},
    {"ernie4_5_moe", {.base = 5e5, .neighbours = true, .tied = true}},
    {"exaone4", {.query_norms = true}, exaone4},
    {"falcon", {.rotary = false, .tied = true}, falcon},
    {"gemma", {.tied = true}},
    {"gemma2", {.tied = true}, gemma2},
    {"gemma3_text", {.rotary = false, .base = 1e6, .tied = true, .query_norms = true}, gemma3},
    {"glm", {.turning = 0.5, .neighbours = true}},
    {"glm4", {.turning = 0.5, .neighbours = true}},
    {"glm4_moe", {.turning = 0.5}, glm4_moe},
    {"gpt2", {.rotary = false, .tied = true}, gpt2},
    {"gpt_neo", {.rotary = false, .tied = true}, gpt_neo},
    {"gpt_neox", {.rotary = false, .turning = 0.25}, gpt_neox},
    {"gpt_oss", {.base = 15e4}, gpt_oss},
    {"gptj", {.rotary = false}, gptj},
    {"granite", {}, granite},
    {"granitemoe", {}, granite},
    {"granitemoeshared", {}, granite},
    {"hunyuan_v1_dense", {.query_norms = true}, hunyuan},
    {"jamba", {.rotary = false}},
    {"kimi_k2", {.rotary = false}, deepseek_v3},
    {"lfm2", {.base = 1e6, .tied = true, .query_norms = true}, lfm2},
    {"llama", {}},
    {"minimax_m2", {.base = 5e6, .turning = 1, .query_norms = true}, minimax},
    {"ministral", {}, ministral},
    {"mistral", {}, mistral},
    {"mixtral", {.base = 1e6}, window_if_given},
    {"mpt", {.rotary = false, .tied = true}, mpt},
    {"nemotron", {.turning = 0.5}},
    {"nemotron_h", {.rotary = false}},
    {"olmo", {}},
    {"olmo2", {.query_norms = true}},
    {"olmo3", {.rotary = false, .base = 5e5, .query_norms = true}, olmo3},
    {"olmoe", {.query_norms = true}},
    {"opt", {.rotary = false, .tied = true}},
    {"phi", {.turning = 0.5}, normed_by_flag},
    {"phi3", {.rotary = false, .turning = 1}, phi3},
    {"phimoe", {.rotary = false, .base = 1e6}, phimoe},
    {"qwen2", {}, qwen},
    {"qwen2_5_vl_text", {.base = 1e6}, qwen_vl},
    {"qwen2_moe", {}, qwen2_moe},
    {"qwen2_vl_text", {.base = 1e6}, qwen_vl},
    {"qwen3", {.query_norms = true}, qwen},
    {"qwen3_5_moe_text", {.turning = 0.25, .query_norms = true}},
    {"qwen3_5_text", {.turning = 0.25, .query_norms = true}},
    {"qwen3_moe", {.query_norms = true}, qwen3_moe},
    {"qwen3_next", {.turning = 0.25, .query_norms = true}},
    {"qwen3_vl_moe_text", {.base = 5e5, .tied = true, .query_norms = true}},
    {"qwen3_vl_text", {.base = 5e5, .query_norms = true}},
    {"seed_oss", {}},
    {"smollm3", {.base = 2e6, .tied = true}, smollm3},
    {"stablelm", {.turning = 0.25}, normed_by_flag},
    {"starcoder2", {.tied = true}, window_if_given},
};

bool read_tied(Fields all, Fields text, bool otherwise) {
  constexpr std::string_view key = "tie_word_embeddings";
  if (all.gives(key)) return all.flag(key, otherwise);
  if (text.gives(key)) return text.flag(key, otherwise);
  // Wrappers have defaults of their own.
  return otherwise || &all.json() != &text.json();
}

}  // namespace

Sequences read_sequences(std::string_view model_type, Fields all, Fields text,
                         const HuggingFaceConfig& config) {
  Sequences sequences;
  const auto* const family = std::ranges::find(kFamilies, model_type, &SequenceFamily::model_type);
  if (family == std::end(kFamilies)) {
    sequences.unknown = "how " + std::string(model_type) + " reads sequences is not known";
    return sequences;
  }
  try {
    sequences.unknown = "";
    sequences.attention.resize(1);
    const Model model = {text, config, family->facts};
    if (family->facts.rotary) sequences.attention.front().rotary = model.rotary();
    sequences.query_norms = family->facts.query_norms;
    sequences.tied_head = read_tied(all, text, family->facts.tied);
    family->read(model, sequences);
  } catch (const FileError& error) {
    sequences = {};
    sequences.unknown = error.what();
  }
  return sequences;
}

}  // namespace azimuth
