// What sequences need where config.json says nothing, and what makes no file fail.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "azimuth/hugging_face_config.h"

namespace azimuth {
namespace {

using ::testing::HasSubstr;
Sequences sequences_of(const nlohmann::json& config) {
  return HuggingFaceConfig::parse(config.dump()).architecture.sequences;
}

// tests/data/sequence_defaults: as Transformers' classes have it.
TEST(SequenceDefaults, AreThoseOfTheClasses) {
  const auto all =
      nlohmann::json::parse(std::ifstream(AZIMUTH_TEST_DATA "/sequence_defaults/defaults.json"));
  EXPECT_GE(all.size(), 50u);
  for (const auto& [name, expected] : all.items()) {
    SCOPED_TRACE(name);
    // What of DOTS 1 has no default.
    const Sequences found = sequences_of({{"model_type", name},
                                          {"n_routed_experts", 16},
                                          {"num_experts_per_tok", 2},
                                          {"n_shared_experts", 1}});
    ASSERT_EQ(found.unknown, "");
    if (expected.contains("tied")) {
      EXPECT_EQ(found.tied_head, expected.at("tied").get<bool>());
    }
    for (std::size_t b = 0; b < expected.at("windows").size(); ++b) {
      const AttentionReach& reach = found.reach(static_cast<std::int64_t>(b + 1));
      EXPECT_EQ(reach.window, expected.at("windows")[b].get<std::int64_t>()) << "block " << b + 1;
      // Which blocks have none, and what of it GPT-J and Falcon have, no class says.
      if (!reach.rotary || !expected.contains("bases") || expected.at("bases").empty() ||
          expected.at("bases")[b].is_null())
        continue;
      EXPECT_EQ(reach.rotary->base, expected.at("bases")[b].get<double>()) << "block " << b + 1;
      const std::string kind = expected.value("kind", "default");
      EXPECT_EQ(reach.rotary->scaling, kind == "yarn"     ? Rotary::Scaling::yarn
                                       : kind == "llama3" ? Rotary::Scaling::llama3
                                                          : Rotary::Scaling::none);
      const double part = expected.at("turning");
      EXPECT_EQ(reach.rotary->size == 0, part == 1);
    }
  }
}

// A setting of positions that cannot be is the decoder's business alone.
TEST(SequenceDefaults, WhatIsNotKnownIsSaidAndNoFileFails) {
  const auto unknown = [](const nlohmann::json& fields) {
    nlohmann::json config = {{"model_type", "llama"}};
    config.update(fields);
    return sequences_of(config).unknown;
  };
  EXPECT_EQ(unknown(nlohmann::json::object()), "");
  EXPECT_THAT(unknown({{"rope_scaling", {{"type", "strange"}}}}),
              HasSubstr("rope_scaling.rope_type: 'strange' is not known; known are default"));
  EXPECT_THAT(unknown({{"rope_scaling", 3}}), HasSubstr("key rope_scaling: is not an object"));
  EXPECT_THAT(unknown({{"rope_parameters", {{"alpha", 2}}}}),
              HasSubstr("key rope_parameters.alpha: is not known of rotary positions"));
  EXPECT_THAT(unknown({{"rope_theta", "much"}}), HasSubstr("key rope_theta: is not a number"));
  EXPECT_THAT(unknown({{"rope_theta", 0}}), HasSubstr("is 0"));
  EXPECT_THAT(unknown({{"partial_rotary_factor", 0.5}}), HasSubstr("heads turn as a whole"));
  EXPECT_THAT(unknown({{"rope_scaling", {{"type", "linear"}}}}), HasSubstr("factor: is missing"));
  EXPECT_THAT(unknown({{"rope_scaling",
                        {{"type", "longrope"},
                         {"original_max_position_embeddings", 8},
                         {"short_factor", {1, 2}},
                         {"factor", 2}}}}),
              HasSubstr("short_factor: is not an array of 64 numbers"));
  EXPECT_THAT(unknown({{"tie_word_embeddings", 1}}), HasSubstr("tie_word_embeddings"));

  const auto fails = [](nlohmann::json config, const char* why) {
    EXPECT_THAT(sequences_of(config).unknown, HasSubstr(why));
  };
  fails({{"model_type", "gemma2"}, {"layer_types", {"full_attention"}}},
        "has 1 entries for 26 blocks");
  fails({{"model_type", "gemma2"}, {"num_hidden_layers", 1}, {"layer_types", {"chunked"}}},
        "has 'chunked'");
  fails({{"model_type", "gemma3_text"}, {"use_bidirectional_attention", true}}, "is true");
  fails({{"model_type", "gemma3_text"}, {"rope_parameters", {{"rope_theta", 1e4}}}},
        "is not of a kind of attention");
  fails({{"model_type", "gpt2"}, {"scale_attn_by_inverse_layer_idx", true}}, "is true");
  fails({{"model_type", "mpt"}, {"attn_config", {{"qk_ln", true}}}}, "is true");
  fails({{"model_type", "gpt_neo"}, {"attention_types", {{{"global"}, 3}}}},
        "is not of every block");
  fails({{"model_type", "gpt_neo"}, {"attention_types", {{{"round"}, 24}}}}, "is not a list");
  fails({{"model_type", "smollm3"}, {"no_rope_layers", {1, 0}}}, "is not of every block");
  fails({{"model_type", "phimoe"}, {"rope_scaling", {{"type", "longrope"}}}}, "is not supported");
  fails({{"model_type", "falcon_h1"}}, "how falcon_h1 reads sequences is not known");
}

}  // namespace
}  // namespace azimuth
