// Fields as publishers write them, where that is not what Transformers would write.

#include <cmath>

#include "integrations/checkpoints/hugging_face/hugging_face_case.h"

namespace azimuth {
namespace {

using namespace azimuth::testing;

const ConfigCase kPublished[] = {
    // The name of the erf GELU, under which the tanh GELU was trained.
    {"GemmaGelu",
     R"({"model_type":"gemma","hidden_act":"gelu","hidden_activation":null,"hidden_size":2048,
         "num_attention_heads":8,"num_key_value_heads":1,"num_hidden_layers":18})",
     {.name = "gemma",
      .heads = 8,
      .kv_heads = 1,
      .head_size = 256,
      .activation = Activation::gelu_tanh,
      .norm_epsilon = 1e-6,
      .norm_offset = 1,
      .embedding_multiplier = std::sqrt(2048.0),
      .special_token_ids = {2}},
     2'048,
     18,
     256'000},
    {"Ernie4_5MoeByOtherNamesToTheEnd",
     R"({"model_type":"ernie4_5_moe","num_experts":32,"num_experts_per_tok":4,"moe_layer_interval":2,
         "moe_layer_end_index":-1,"moe_num_shared_experts":0,"num_hidden_layers":2})",
     {.name = "ernie4_5_moe",
      .heads = 20,
      .kv_heads = 4,
      .norm_epsilon = 1e-5,
      .experts = 32,
      .routing = {.experts_per_token = 4, .choice_bias = true},
      .blocks = {{{MixerKind::attention}, {MixerKind::feed_forward}},
                 {{MixerKind::attention}, {MixerKind::experts}}},
      .special_token_ids = {1}},
     2'560,
     2,
     103'424},
    {"GptNeoByItsOwnNames",
     R"({"model_type":"gpt_neo","num_layers":12,"num_heads":12,"hidden_size":768,
         "intermediate_size":null})",
     {.name = "gpt_neo",
      .heads = 12,
      .kv_heads = 12,
      .activation = Activation::gelu_tanh,
      .norm = NormKind::layer,
      .gated_ffn = false,
      .learned_positions = true,
      .special_token_ids = {50'256}},
     768,
     12,
     50'257},
    // Where there is a default: null is not the same as nothing.
    {"HeadSizeOfNullIsThatOfTheValues",
     R"({"model_type":"ernie4_5","head_dim":null,"num_key_value_heads":null})",
     {.name = "ernie4_5",
      .heads = 16,
      .kv_heads = 16,
      .norm_epsilon = 1e-5,
      .special_token_ids = {1}},
     1'024,
     18,
     103'424},
};

class Published : public ::testing::TestWithParam<ConfigCase> {};

TEST_P(Published, GivesTheArchitecture) { check(GetParam()); }

INSTANTIATE_TEST_SUITE_P(HuggingFace, Published, ::testing::ValuesIn(kPublished),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace azimuth
