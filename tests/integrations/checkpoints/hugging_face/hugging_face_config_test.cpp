#include "azimuth/hugging_face_config.h"

#include <gmock/gmock.h>

#include <cmath>

#include "files/strict_json.h"
#include "hugging_face/config_fields.h"
#include "integrations/checkpoints/hugging_face/hugging_face_case.h"
#include "integrations/checkpoints/safetensors/safetensors_writer.h"

namespace azimuth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;
using namespace azimuth::testing;

const ConfigCase kConfigs[] = {
    {"Llama",
     R"({"model_type":"llama","num_attention_heads":9,"num_key_value_heads":3,"head_dim":80,
         "rms_norm_eps":1e-3,"hidden_act":"relu","hidden_size":576,"num_hidden_layers":30,
         "vocab_size":49152,"bos_token_id":0,"eos_token_id":[2,0],"rope_theta":1e5,
         "attention_bias":true,"tie_word_embeddings":true})",
     {.name = "llama",
      .heads = 9,
      .kv_heads = 3,
      .head_size = 80,
      .activation = Activation::relu,
      .norm_epsilon = 1e-3,
      .special_token_ids = {0, 2}},
     576,
     30,
     49'152},
    {"Mistral7B",
     R"({"model_type":"mistral","num_attention_heads":32,"num_key_value_heads":null,
         "head_dim":null,"rms_norm_eps":1e-05,"hidden_act":"swish","bos_token_id":null})",
     {.name = "mistral",
      .heads = 32,
      .kv_heads = 32,
      .norm_epsilon = 1e-5,
      .special_token_ids = {}},
     4'096,
     32,
     32'000},
    {"Mixtral",
     R"({"model_type":"mixtral","num_local_experts":4,"num_experts_per_tok":1,"head_dim":64,
         "rms_norm_eps":0})",
     {.name = "mixtral",
      .heads = 32,
      .kv_heads = 8,
      .head_size = 64,
      .norm_epsilon = 0,
      .experts = 4,
      .routing = {.experts_per_token = 1},
      .special_token_ids = {1}},
     4'096,
     32,
     32'000},
    {"MixtralByAlias",
     R"({"model_type":"mixtral","num_experts":16})",
     {.name = "mixtral",
      .heads = 32,
      .kv_heads = 8,
      .norm_epsilon = 1e-5,
      .experts = 16,
      .routing = {.experts_per_token = 2},
      .special_token_ids = {1}},
     4'096,
     32,
     32'000},
    {"Gpt2",
     R"({"model_type":"gpt2","n_head":4,"n_embd":64,"n_layer":3,"n_ctx":1024,"vocab_size":100,
         "activation_function":"relu","layer_norm_epsilon":1e-6,"bos_token_id":50256,
         "eos_token_id":99,"scale_attn_by_inverse_layer_idx":true})",
     {.name = "gpt2",
      .heads = 4,
      .kv_heads = 4,
      .activation = Activation::relu,
      .norm = NormKind::layer,
      .norm_epsilon = 1e-6,
      .gated_ffn = false,
      .learned_positions = true,
      .special_token_ids = {99}},
     64,
     3,
     100},
    {"Gpt2ByAlias",
     R"({"model_type":"gpt2","num_attention_heads":4,"hidden_size":64,"num_hidden_layers":3,
         "vocab_size":100,"bos_token_id":null})",
     {.name = "gpt2",
      .heads = 4,
      .kv_heads = 4,
      .activation = Activation::gelu_tanh,
      .norm = NormKind::layer,
      .gated_ffn = false,
      .learned_positions = true,
      .special_token_ids = {}},
     64,
     3,
     100},
    {"GptNeoxSequential",
     R"({"model_type":"gpt_neox","use_parallel_residual":false,"num_attention_heads":8,
         "hidden_act":"gelu_fast","layer_norm_eps":1e-6})",
     {.name = "gpt_neox",
      .heads = 8,
      .kv_heads = 8,
      .activation = Activation::gelu_tanh,
      .norm = NormKind::layer,
      .norm_epsilon = 1e-6,
      .gated_ffn = false,
      .qkv_layout = QkvLayout::by_kv_head,
      .special_token_ids = {0}},
     6'144,
     44,
     50'432},
    {"FalconNew",
     R"({"model_type":"falcon","new_decoder_architecture":true,"num_attention_heads":128,
         "num_kv_heads":8,"multi_query":true})",
     {.name = "falcon",
      .heads = 128,
      .kv_heads = 8,
      .activation = Activation::gelu,
      .norm = NormKind::layer,
      .parallel = true,
      .gated_ffn = false,
      .qkv_layout = QkvLayout::by_kv_head,
      .special_token_ids = {11}},
     4'544,
     32,
     65'024},
    {"FalconNewWithOneNorm",
     R"({"model_type":"falcon","new_decoder_architecture":true,"num_attention_heads":32,
         "num_kv_heads":8,"num_ln_in_parallel_attn":1,"activation":"relu"})",
     {.name = "falcon",
      .heads = 32,
      .kv_heads = 8,
      .activation = Activation::relu,
      .norm = NormKind::layer,
      .parallel = true,
      .shared_norm = true,
      .gated_ffn = false,
      .qkv_layout = QkvLayout::by_kv_head,
      .special_token_ids = {11}},
     4'544,
     32,
     65'024},
    {"FalconSequentialWithAllHeads",
     R"({"model_type":"falcon","num_attention_heads":32,"multi_query":false,
         "parallel_attn":false,"layer_norm_epsilon":1e-6})",
     {.name = "falcon",
      .heads = 32,
      .kv_heads = 32,
      .activation = Activation::gelu,
      .norm = NormKind::layer,
      .norm_epsilon = 1e-6,
      .gated_ffn = false,
      .qkv_layout = QkvLayout::by_kv_head,
      .special_token_ids = {11}},
     4'544,
     32,
     65'024},
    {"BloomByAlias",
     R"({"model_type":"bloom","num_attention_heads":16,"n_embed":1024,"n_layer":24,
         "layer_norm_epsilon":1e-6,"apply_residual_connection_post_layernorm":false})",
     {.name = "bloom",
      .heads = 16,
      .kv_heads = 16,
      .activation = Activation::gelu_tanh,
      .norm = NormKind::layer,
      .norm_epsilon = 1e-6,
      .gated_ffn = false,
      .qkv_layout = QkvLayout::by_kv_head,
      .embedding_norm = true,
      .special_token_ids = {1}},
     1'024,
     24,
     250'880},
    {"Mpt",
     R"({"model_type":"mpt","d_model":64,"n_heads":4,"n_layers":2,"layer_norm_epsilon":1e-6,
         "attn_config":{"clip_qkv":6,"alibi":true,"attn_type":"multihead_attention"},
         "learned_pos_emb":true,"norm_type":"low_precision_layernorm","no_bias":true})",
     {.name = "mpt",
      .heads = 4,
      .kv_heads = 4,
      .activation = Activation::gelu,
      .norm = NormKind::layer,
      .norm_epsilon = 1e-6,
      .gated_ffn = false,
      .qkv_clip = 6,
      .special_token_ids = {}},
     64,
     2,
     50'368},
    {"Opt",
     R"({"model_type":"opt","num_attention_heads":16,"hidden_size":1024,"num_hidden_layers":4,
         "word_embed_proj_dim":1024,"activation_function":"gelu","enable_bias":false,
         "bos_token_id":2,"eos_token_id":2,"pad_token_id":1})",
     {.name = "opt",
      .heads = 16,
      .kv_heads = 16,
      .activation = Activation::gelu,
      .norm = NormKind::layer,
      .gated_ffn = false,
      .learned_positions = true,
      .first_position_row = 2,
      .special_token_ids = {2, 1}},
     1'024,
     4,
     50'272},
    {"StablelmParallel",
     R"({"model_type":"stablelm","use_parallel_residual":true,"num_attention_heads":32,
         "num_key_value_heads":8,"layer_norm_eps":1e-6})",
     {.name = "stablelm",
      .heads = 32,
      .kv_heads = 8,
      .norm = NormKind::layer,
      .norm_epsilon = 1e-6,
      .parallel = true,
      .shared_norm = true,
      .special_token_ids = {0}},
     2'560,
     32,
     50'304},
    {"Gemma2ReadsHiddenActivationAlone",
     R"({"model_type":"gemma2","hidden_size":3584,"num_attention_heads":16,
         "num_key_value_heads":8,"hidden_act":"silu","hidden_activation":"gelu"})",
     {.name = "gemma2",
      .heads = 16,
      .kv_heads = 8,
      .head_size = 256,
      .activation = Activation::gelu,
      .norm_placement = NormPlacement::sandwich,
      .norm_epsilon = 1e-6,
      .norm_offset = 1,
      .embedding_multiplier = std::sqrt(3584.0),
      .special_token_ids = {2}},
     3'584,
     26,
     256'000},
    {"Gemma3IsItsText",
     R"({"model_type":"gemma3","eos_token_id":[1,106],"boi_token_index":255999,
         "text_config":{"model_type":"gemma3_text","hidden_size":2560,"num_hidden_layers":34,
                        "sliding_window":1024,"pad_token_id":0},
         "hidden_size":7,"num_attention_heads":3,"image_token_id":262144,
         "vision_config":{"model_type":"siglip_vision_model","hidden_size":1152,
                          "sep_token_id":5}})",
     {.name = "gemma3_text",
      .heads = 8,
      .kv_heads = 4,
      .head_size = 256,
      .activation = Activation::gelu_tanh,
      .norm_placement = NormPlacement::sandwich,
      .norm_epsilon = 1e-6,
      .norm_offset = 1,
      .embedding_multiplier = std::sqrt(2560.0),
      .special_token_ids = {2, 1, 106, 0, 262'144}},
     2'560,
     34,
     262'208},
};

const ConfigCase kTextParts[] = {
    {"LlavaIsItsText",
     R"({"model_type":"llava","image_token_index":32000,
         "text_config":{"model_type":"mistral","vocab_size":32064,"rms_norm_eps":1e-5},
         "vision_config":{"hidden_size":1024}})",
     {.name = "mistral",
      .heads = 32,
      .kv_heads = 8,
      .norm_epsilon = 1e-5,
      .special_token_ids = {1}},
     4'096,
     32,
     32'064},
    {"LlavaIsLlamaWhereItDoesNotSay",
     R"({"model_type":"llava","text_config":{}})",
     {.name = "llama", .heads = 32, .kv_heads = 32, .norm_epsilon = 1e-6, .special_token_ids = {1}},
     4'096,
     32,
     32'000},
    {"Qwen2VlIsItsText",
     R"({"model_type":"qwen2_vl","text_config":{"model_type":"qwen2_vl_text"}})",
     {.name = "qwen2",
      .heads = 64,
      .kv_heads = 8,
      .norm_epsilon = 1e-5,
      .special_token_ids = {151'643}},
     8'192,
     80,
     152'064},
    {"Qwen25VlMayBeFlat",
     R"({"model_type":"qwen2_5_vl","hidden_size":2048,"num_hidden_layers":36,"bos_token_id":3,
         "num_attention_heads":16,"num_key_value_heads":2,"rms_norm_eps":1e-6,"vocab_size":151936,
         "vision_config":{"hidden_size":1280}})",
     {.name = "qwen2", .heads = 16, .kv_heads = 2, .norm_epsilon = 1e-6, .special_token_ids = {3}},
     2'048,
     36,
     151'936},
    {"Qwen25VlIsFlatWhereItsTextIsNull",
     R"({"model_type":"qwen2_5_vl","text_config":null,"hidden_size":2048,"num_hidden_layers":36,
         "num_attention_heads":16,"num_key_value_heads":2,"bos_token_id":3,"vocab_size":151936,
         "rms_norm_eps":1e-6})",
     {.name = "qwen2", .heads = 16, .kv_heads = 2, .norm_epsilon = 1e-6, .special_token_ids = {3}},
     2'048,
     36,
     151'936},
    {"Qwen3VlIsItsText",
     R"({"model_type":"qwen3_vl","text_config":{"hidden_size":2560}})",
     {.name = "qwen3",
      .heads = 32,
      .kv_heads = 32,
      .head_size = 128,
      .norm_epsilon = 1e-6,
      .special_token_ids = {}},
     2'560,
     32,
     151'936},
};

class Config : public ::testing::TestWithParam<ConfigCase> {};

TEST_P(Config, GivesTheArchitecture) { check(GetParam()); }

INSTANTIATE_TEST_SUITE_P(HuggingFace, Config, ::testing::ValuesIn(kConfigs),
                         [](const auto& info) { return std::string(info.param.name); });

INSTANTIATE_TEST_SUITE_P(TextParts, Config, ::testing::ValuesIn(kTextParts),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(HuggingFaceConfig, EveryKnownArchitectureIsRead) {
  for (const std::string& name : Architecture::known()) {
    // What some have no default for.
    const std::string more =
        R"(","n_routed_experts":8,"num_experts_per_tok":2,"n_shared_experts":1,"n_group":1,"topk_group":1})";
    const HuggingFaceConfig config = HuggingFaceConfig::parse(R"({"model_type":")" + name + more);
    EXPECT_EQ(config.architecture.name, name);
  }
}

TEST(HuggingFaceConfig, ActivationsOfOneFormulaAreOne) {
  const std::pair<const char*, Activation> names[] = {
      {"silu", Activation::silu},
      {"swish", Activation::silu},
      {"relu", Activation::relu},
      {"gelu", Activation::gelu},
      {"gelu_python", Activation::gelu},
      {"gelu_new", Activation::gelu_tanh},
      {"gelu_fast", Activation::gelu_tanh},
      {"gelu_accurate", Activation::gelu_tanh},
      {"gelu_pytorch_tanh", Activation::gelu_tanh},
      {"gelu_python_tanh", Activation::gelu_tanh},
      {"relu2", Activation::relu2},
      {"xielu", Activation::xielu},
  };
  for (const auto& [name, activation] : names) {
    const std::string json = R"({"model_type":"llama","hidden_act":")" + std::string(name) + "\"}";
    EXPECT_EQ(HuggingFaceConfig::parse(json).architecture.activation, activation) << name;
  }
}

TEST(HuggingFaceConfig, SpecialTokensAreBosThenTheOrderOfTheFileEachOnce) {
  const HuggingFaceConfig config = HuggingFaceConfig::parse(
      R"({"model_type":"llama","vocab_size":10,"z_token_id":9,"eos_token_id":[5,3,null,5],
          "pad_token_id":-1,"bos_token_id":4,"unk_token_id":null,"mask_token_id":10,
          "a_token_id":18446744073709551615,"sep_token_id":3,"cls_token_id":0,"token_ids":[1]})");
  EXPECT_THAT(config.architecture.special_token_ids, ElementsAre(4, 9, 5, 3, 0));
}

// What Python's json writes.
TEST(HuggingFaceConfig, NumbersThatAreNoneMayStandWhereNoneIsRead) {
  const HuggingFaceConfig config = HuggingFaceConfig::parse(
      R"({"model_type":"llama","a":NaN,"time_step_limit":[0.0,Infinity],"b":{"c":-Infinity},
          "d":"NaN \" Infinity","NaN":"\\","hidden_size":64})");
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_THAT([&] { HuggingFaceConfig::parse(R"({"model_type":"NaN"})"); },
              ThrowsMessage<FileError>(HasSubstr("key model_type: 'NaN' is not known")));
}

TEST(HuggingFaceConfig, NumbersMayBeInfiniteWhereThatMeansSomething) {
  const std::filesystem::path file = "config.json";
  const ConfigFields::Json json = parse_python_json(
      file, "JSON",
      R"({"literal":Infinity,"written":{"__float__":"Infinity"},"list":[0,Infinity]})");
  const ConfigFields fields(file, json);
  EXPECT_EQ(fields.real("literal", 0, INFINITY), INFINITY);
  EXPECT_EQ(fields.real("written", 0, INFINITY), INFINITY);
  EXPECT_EQ(json["list"][1].get<double>(), INFINITY);
}

TEST(HuggingFaceConfig, OpensAFile) {
  const TemporaryFolder folder;
  const auto file = folder.write("config.json", R"({"model_type":"opt","hidden_size":32})");
  EXPECT_EQ(HuggingFaceConfig::open(file).hidden_size, 32);
  EXPECT_THAT([&] { HuggingFaceConfig::open(folder.write("bad.json", "{")); },
              ThrowsMessage<FileError>(
                  StartsWith((folder.path() / "bad.json").string() + ": JSON: parse error")));
}

TEST(HuggingFaceConfig, LongFileIsRefused) {
  const TemporaryFolder folder;
  const auto file = folder.write("config.json", std::string((16 << 20) + 1, ' '));
  EXPECT_THAT([&] { HuggingFaceConfig::open(file); },
              ThrowsMessage<FileError>(HasSubstr("JSON: has 16777217 bytes; at most 16777216")));
}

}  // namespace
}  // namespace azimuth
