// What a config.json says of Gemma 3n and 4, whose blocks differ in attention and FFN.

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "azimuth/hugging_face_config.h"

namespace azimuth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

HuggingFaceConfig gemma(const std::string& model_type, const std::string& fields) {
  return HuggingFaceConfig::parse(R"({"model_type":")" + model_type +
                                  R"(","hidden_size":64,"num_attention_heads":8,)"
                                  R"("num_key_value_heads":4,"num_hidden_layers":4,"head_dim":16,)"
                                  R"("vocab_size":100,"vocab_size_per_layer_input":100)" +
                                  fields + "}");
}

template <class Field>
auto by_block(const HuggingFaceConfig& config, Field AttentionPlan::*field) {
  std::vector<Field> values;
  for (const AttentionPlan& plan : config.architecture.attention) values.push_back(plan.*field);
  return values;
}

const std::string kTypes =
    R"(,"layer_types":["full_attention","sliding_attention","sliding_attention",)"
    R"("sliding_attention"])";

TEST(GemmaConfig, BlocksOfFullAttentionHaveSizesOfTheirOwn) {
  const HuggingFaceConfig published =
      gemma("gemma4_text", kTypes + R"(,"global_head_dim":32,"num_global_key_value_heads":2,)"
                                    R"("attention_k_eq_v":true)");
  // The last block is one of them, whatever the file says.
  EXPECT_THAT(by_block(published, &AttentionPlan::head_size), ElementsAre(32, 16, 16, 32));
  EXPECT_THAT(by_block(published, &AttentionPlan::kv_heads), ElementsAre(2, 4, 4, 2));
  EXPECT_THAT(by_block(published, &AttentionPlan::keys_are_values),
              ElementsAre(true, false, false, true));

  const HuggingFaceConfig with_value_matrices =
      gemma("gemma4_text", kTypes + R"(,"global_head_dim":32,"num_global_key_value_heads":2)");
  EXPECT_THAT(by_block(with_value_matrices, &AttentionPlan::kv_heads), ElementsAre(4, 4, 4, 4));

  const HuggingFaceConfig saved =
      gemma("gemma4_text", kTypes + R"(,"per_layer_config":{"00":{"head_dim":32},)"
                                    R"("3":{"head_dim":8,"num_key_value_heads":1}})");
  EXPECT_THAT(by_block(saved, &AttentionPlan::head_size), ElementsAre(32, 16, 16, 8));
  EXPECT_THAT(by_block(saved, &AttentionPlan::kv_heads), ElementsAre(4, 4, 4, 1));

  const HuggingFaceConfig alike = gemma("gemma4_text", R"(,"per_layer_config":null)");
  EXPECT_THAT(by_block(alike, &AttentionPlan::head_size), ElementsAre(16, 16, 16, 16));
}

TEST(GemmaConfig, LastBlocksShareValuesWithTheLastOfTheirKindBefore) {
  const std::string types =
      R"(,"layer_types":["sliding_attention","sliding_attention","full_attention",)"
      R"("sliding_attention"],"use_double_wide_mlp":true,"intermediate_size":10)";
  const HuggingFaceConfig four = gemma("gemma4_text", types + R"(,"num_kv_shared_layers":1)");
  // Whose last block is of full attention.
  EXPECT_THAT(by_block(four, &AttentionPlan::values_of), ElementsAre(0, 0, 0, 3));
  EXPECT_THAT(four.ffn_sizes, ElementsAre(10, 10, 10, 20));
  const HuggingFaceConfig three = gemma("gemma3n_text", types + R"(,"num_kv_shared_layers":1)");
  EXPECT_THAT(by_block(three, &AttentionPlan::values_of), ElementsAre(0, 0, 0, 2));
  EXPECT_THAT(three.ffn_sizes, ElementsAre(10, 10, 10, 10));
}

TEST(GemmaConfig, WrappersAreTheirText) {
  for (const std::string name : {"gemma3n", "gemma4"}) {
    const std::string fields = R"("num_hidden_layers":40,"hidden_size":512)";
    const auto whole =
        HuggingFaceConfig::parse(R"({"model_type":")" + name + R"(","text_config":{)" + fields +
                                 R"(},"vision_config":{"hidden_size":7}})");
    const auto text =
        HuggingFaceConfig::parse(R"({"model_type":")" + name + R"(_text",)" + fields + "}");
    EXPECT_TRUE(whole == text) << name;
  }
}

TEST(GemmaConfig, WhatCannotBeIsRefused) {
  struct Case {
    std::string model_type, fields, words;
  };
  const Case cases[] = {
      {"gemma4_text", R"(,"layer_types":["full_attention"])",
       "key layer_types: has 1 entries for 4 blocks"},
      {"gemma4_text", R"(,"layer_types":["full_attention","chunked_attention"])",
       "key layer_types: holds 'chunked_attention'; full_attention and sliding_attention"},
      {"gemma4_text", R"(,"layer_types":[1])", "key layer_types: is not an array of strings"},
      {"gemma4_text", R"(,"num_kv_shared_layers":4)",
       "key num_kv_shared_layers: is 4, and no block before the last so many has values for block "
       "1"},
      {"gemma4_text", kTypes + R"(,"num_kv_shared_layers":3)",
       "key num_kv_shared_layers: is 3, and no block before the last so many has values for block "
       "2"},
      {"gemma4_text", R"(,"num_kv_shared_layers":5)",
       "key num_kv_shared_layers: is 5; 0 to 4 is allowed"},
      {"gemma4_text", R"(,"per_layer_config":{"4":{}})",
       "key per_layer_config.4: is not the number of a block"},
      {"gemma4_text", R"(,"per_layer_config":{"-1":{}})",
       "key per_layer_config.-1: is not the number of a block"},
      {"gemma4_text", R"(,"per_layer_config":{"1x":{}})",
       "key per_layer_config.1x: is not the number of a block"},
      {"gemma4_text", R"(,"per_layer_config":{"1":{"intermediate_size":3}})",
       "key per_layer_config.1.intermediate_size: is not supported"},
      {"gemma4_text", R"(,"per_layer_config":{"1":{"num_key_value_heads":3}})",
       "block 2: heads must be a multiple of kv_heads"},
      {"gemma4_text", R"(,"enable_moe_block":true,"num_experts":4,"moe_intermediate_size":3)",
       "key top_k_experts: is missing"},
      {"gemma3n_text", R"(,"num_kv_shared_layers":0,"altup_active_idx":1)",
       "key altup_active_idx: is 1; 0 is supported"},
      {"gemma3n_text", R"(,"num_kv_shared_layers":0,"altup_num_inputs":1)",
       "key altup_num_inputs: is 1; several residual streams are supported"},
      {"gemma3n_text", R"(,"num_kv_shared_layers":0,"intermediate_size":[1,2,3])",
       "key intermediate_size: has not a number for each block"},
      {"gemma3n_text", R"(,"num_kv_shared_layers":0,"activation_sparsity_pattern":[0,0,0,1])",
       "gate_sparsity must lie in [0, 1)"},
      {"gemma3n_text", R"(,"num_kv_shared_layers":0,"hidden_size_per_layer_input":0)",
       "key hidden_size_per_layer_input: is 0"},
      {"gemma3n_text", "", "key num_kv_shared_layers: is 15"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT([&] { gemma(c.model_type, c.fields); },
                ThrowsMessage<FileError>(HasSubstr(c.words)));
  }
}

}  // namespace
}  // namespace azimuth
