#include <gmock/gmock.h>

#include "azimuth/hugging_face_config.h"
#include "integrations/checkpoints/files/largest_allocation.h"
#include "integrations/checkpoints/known_names.h"

namespace azimuth {
namespace {

using ::testing::StartsWith;
using ::testing::ThrowsMessage;
using namespace azimuth::testing;

struct BadConfig {
  const char* name;
  std::string json;
  std::string words;  ///< behind the file's name
};

void PrintTo(const BadConfig& config, std::ostream* out) { *out << config.name; }

std::string many(const std::string& item, int count) {
  std::string list = "[" + item;
  for (int i = 1; i < count; ++i) list += "," + item;
  return list + "]";
}

std::string numbers_to(int count) {
  std::string list = "[0";
  for (int i = 1; i < count; ++i) list += "," + std::to_string(i);
  return list + "]";
}

std::string object_of(int count) {
  std::string object = R"({"0":"LABEL_0")";
  for (int i = 1; i < count; ++i) {
    object += ",\"" + std::to_string(i) + "\":\"LABEL_" + std::to_string(i) + "\"";
  }
  return object + "}";
}

const BadConfig kBadConfigs[] = {
    {"Empty", "", "JSON: parse error"},
    {"NoJson", "model_type = llama", "JSON: parse error"},
    {"NotUtf8", "{\"model_type\":\"ll\xff\"}", "JSON: parse error"},
    {"IsAnArray", R"(["llama"])", "JSON: is not an object"},
    {"TooDeep", R"({"model_type":"llama","a":)" + std::string(10'000, '['),
     "JSON: is nested more than 32 deep"},
    {"NothingButArrays", std::string(100'000, '['), "JSON: is nested more than 32 deep"},
    {"TooManyValues", R"({"model_type":"llama","a":)" + many("0", 1'000'000) + "}",
     "JSON: holds more than the 1000000 values"},
    {"TooManyValuesThatAreKept",
     R"({"model_type":"llama","a":)" + many(many("0", 10'000), 11) + "}",
     "JSON: holds more than the 100000 values that are read, long lists apart"},
    {"NumberThatIsNone", R"({"model_type":"llama","rms_norm_eps":NaN})",
     "key rms_norm_eps: is not a number"},
    {"NumberThatIsInfinite", R"({"model_type":"llama","rms_norm_eps":-Infinity})",
     "key rms_norm_eps: is -Infinity; 0 to 1"},
    {"NumberThatIsInfiniteAsTransformersWritesIt",
     R"({"model_type":"llama","rms_norm_eps":{"__float__":"Infinity"}})",
     "key rms_norm_eps: is Infinity; 0 to 1"},
    {"NumberThatIsNoneAsTransformersWritesIt",
     R"({"model_type":"llama","rms_norm_eps":{"__float__":"NaN"}})",
     "key rms_norm_eps: is not a number"},
    {"NumberOfAnotherName", R"({"model_type":"llama","rms_norm_eps":{"__float__":"1"}})",
     "key rms_norm_eps: is not a number"},
    {"NumberInTheNamesOfAnArray", R"({"model_type":"llama","rms_norm_eps":["Infinity"]})",
     "key rms_norm_eps: is not a number"},
    {"TextConfigThatIsNone", R"({"model_type":"gemma3","text_config":{"__float__":"NaN"}})",
     "key text_config: is not an object"},
    {"TextConfigOfLlavaThatIsNull", R"({"model_type":"llava","text_config":null})",
     "key text_config: is missing"},
    {"TextPartThatIsNotKnown", R"({"model_type":"llava","text_config":{"model_type":"mamba"}})",
     "key text_config.model_type: 'mamba' is not known; known are "},
    {"CountThatIsInfinite", R"({"model_type":"llama","hidden_size":Infinity})",
     "key hidden_size: is not an integer"},
    {"TokenIdThatIsNone", R"({"model_type":"llama","eos_token_id":NaN})",
     "key eos_token_id: is not an integer"},
    {"TextThatIsNone", R"({"model_type":"llama","hidden_act":NaN})",
     "key hidden_act: is not a string"},
    {"KeyThatIsNone", R"({"model_type":"llama",NaN:1})", "JSON: parse error"},
    {"NameThatGoesOn", R"({"model_type":"llama","a":NaNa})", "JSON: parse error"},
    {"NameInLowerCase", R"({"model_type":"llama","a":nan})", "JSON: parse error"},
    {"NamesInAStringThatIsNotClosed", R"({"model_type":"llama","a":"\)", "JSON: parse error"},
    {"TooManyTokenIdsToBeKept",
     R"({"model_type":"llama","eos_token_id":)" + numbers_to(10'001) + "}",
     "key eos_token_id: has more than 10000 members"},
    {"TooManyMembers", R"({"model_type":"llama",)" + object_of(10'001).substr(1),
     "JSON: holds more than the 10000 members that are read"},
    {"TextConfigOfTooManyMembers",
     R"({"model_type":"gemma3","text_config":)" + object_of(10'001) + "}",
     "key text_config: has more than 10000 members"},
    {"QuantisedWithALongList",
     R"({"model_type":"llama","quantization_config":{"quant_method":"mine","ignore":)" +
         many("\"a\"", 12'000) + "}}",
     "key quantization_config.quant_method: weights quantised by 'mine' cannot be read; can be "
     "fp8, "},
    {"KeyTwice", R"({"model_type":"llama","model_type":"opt"})",
     "JSON: \"model_type\" appears twice"},
    {"NumberTooLarge", R"({"model_type":"llama","hidden_size":1e999})", "JSON: number overflow"},

    {"NoModelType", R"({"architectures":["LlamaForCausalLM"]})", "key model_type: is missing"},
    {"ModelTypeIsANumber", R"({"model_type":1})", "key model_type: is not a string"},
    {"UnknownModelType", R"({"model_type":"mamba"})",
     "key model_type: 'mamba' is not known; known are " + known_to_hugging_face()},
    {"UnknownModelTypeWithLineBreak", R"({"model_type":"a\nb"})",
     "key model_type: 'a\\x0ab' is not known"},

    {"HeadsAreAString", R"({"model_type":"llama","num_attention_heads":"32"})",
     "key num_attention_heads: is not an integer"},
    {"HeadsAreAFloat", R"({"model_type":"llama","num_attention_heads":32.0})",
     "key num_attention_heads: is not an integer"},
    {"HeadsByBlock", R"({"model_type":"llama","num_attention_heads":[32]})",
     "key num_attention_heads: is not an integer"},
    {"NoHeads", R"({"model_type":"gpt2","n_head":0})", "key n_head: is 0; 1 to 65536 is allowed"},
    {"HeadsNegative", R"({"model_type":"mpt","n_heads":-4})",
     "key n_heads: is -4; 1 to 65536 is allowed"},
    {"HeadsAbove2To63", R"({"model_type":"llama","num_attention_heads":18446744073709551615})",
     "key num_attention_heads: is 18446744073709551615; 1 to 65536"},
    {"KvHeadsDoNotDivideHeads", R"({"model_type":"llama","num_key_value_heads":5})",
     "model: architecture llama: heads must be a positive multiple of kv_heads"},
    {"HeadSizeTooLarge", R"({"model_type":"qwen3","head_dim":65537})",
     "key head_dim: is 65537; 1 to 65536"},
    {"HiddenSizeTooLarge", R"({"model_type":"llama","hidden_size":16777217})",
     "key hidden_size: is 16777217; 1 to 16777216"},
    {"TooManyBlocks", R"({"model_type":"llama","num_hidden_layers":100001})",
     "key num_hidden_layers: is 100001; 1 to 100000"},
    {"TooManyExperts", R"({"model_type":"mixtral","num_local_experts":4097})",
     "key num_local_experts: is 4097; 1 to 4096"},
    {"MoreExpertsPerTokenThanExperts", R"({"model_type":"mixtral","num_experts_per_tok":9})",
     "model: architecture mixtral: experts_per_token must lie between 1 and experts"},
    {"EpsilonIsAString", R"({"model_type":"llama","rms_norm_eps":"1e-5"})",
     "key rms_norm_eps: is not a number"},
    {"EpsilonNegative", R"({"model_type":"phi","layer_norm_eps":-1e-5})",
     "key layer_norm_eps: is -1e-05; 0 to 1.0 is allowed"},
    {"EpsilonAbsurd", R"({"model_type":"starcoder2","norm_epsilon":1e300})",
     "key norm_epsilon: is 1e+300; 0 to 1.0 is allowed"},
    {"NoValueIsLeft", R"({"model_type":"olmo","clip_qkv":0})",
     "key clip_qkv: is 0: no value is left"},
    {"MultiplierNegative", R"({"model_type":"granite","residual_multiplier":-1})",
     "key residual_multiplier: is -1; 0 to 1000000.0 is allowed"},
    {"FlagIsANumber", R"({"model_type":"gpt_neox","use_parallel_residual":1})",
     "key use_parallel_residual: is neither true nor false"},
    {"ActivationIsNotSupported", R"({"model_type":"llama","hidden_act":"quick_gelu"})",
     "key hidden_act: 'quick_gelu' is not supported; supported are silu, swish, relu, gelu"},
    {"ActivationIsAnObject", R"({"model_type":"falcon","activation":{}})",
     "key activation: is not a string"},
    {"TokenIdIsAString", R"({"model_type":"llama","eos_token_id":"2"})",
     "key eos_token_id: is not an integer"},
    {"TokenIdIsAFloat", R"({"model_type":"llama","bos_token_id":1.0})",
     "key bos_token_id: is not an integer"},
    {"TokenIdsAreNested", R"({"model_type":"llama","eos_token_id":[[2]]})",
     "key eos_token_id: is not an integer"},
    {"TooManyTokenIds", R"({"model_type":"llama","eos_token_id":)" + numbers_to(1'001) + "}",
     "key eos_token_id: there are more than 1000 special tokens"},
    {"TextConfigIsAString", R"({"model_type":"gemma3","text_config":"gemma3_text"})",
     "key text_config: is not an object"},
    {"TextConfigOfAnotherModel", R"({"model_type":"gemma3","text_config":{"model_type":"llama"}})",
     "key text_config.model_type: is not 'gemma3_text'"},
    {"TextConfigMissing", R"({"model_type":"llava"})", "key text_config: is missing"},
    {"TextConfigOfAnUnknownModel", R"({"model_type":"llava","text_config":{"model_type":"mamba"}})",
     "key text_config.model_type: 'mamba' is not known; known are "},
    {"TextConfigThatIsQuantised",
     R"({"model_type":"llava","text_config":{"quantization_config":{"quant_method":"hqq"}}})",
     "key text_config.quantization_config.quant_method: weights quantised by 'hqq' cannot be read"},
    {"TextConfigWithABadField", R"({"model_type":"gemma3","text_config":{"hidden_size":0}})",
     "key text_config.hidden_size: is 0"},

    {"Quantised",
     R"({"model_type":"llama","quantization_config":{"quant_method":"gptq","bits":3}})",
     "key quantization_config.bits: is 3; GPTQ of 2, 4 and 8 bits can be read"},
    {"QuantisedBySomething", R"({"model_type":"llama","quantization_config":{"bits":4}})",
     "key quantization_config.quant_method: weights quantised by 'unknown' cannot be read"},
    {"OptProjectsItsEmbedding",
     R"({"model_type":"opt","hidden_size":1024,"word_embed_proj_dim":512})",
     "key word_embed_proj_dim: is 512, not hidden_size 1024"},
    {"OptWithNormsAfter", R"({"model_type":"opt","do_layer_norm_before":false})",
     "key do_layer_norm_before: is false"},
    {"OptWithoutNormWeights", R"({"model_type":"opt","layer_norm_elementwise_affine":false})",
     "key layer_norm_elementwise_affine: is false"},
    {"BloomWithResidualBehindTheNorm",
     R"({"model_type":"bloom","apply_residual_connection_post_layernorm":true})",
     "key apply_residual_connection_post_layernorm: is true"},
    {"MptWithLearnedPositions", R"({"model_type":"mpt","attn_config":{"alibi":false}})",
     "key learned_pos_emb: is true without attn_config.alibi"},
    {"MptWithOneKvHead",
     R"({"model_type":"mpt","attn_config":{"attn_type":"multiquery_attention"}})",
     "key attn_config.attn_type: is 'multiquery_attention'; multihead_attention is supported"},
    {"MptWithRmsNorm", R"({"model_type":"mpt","norm_type":"rmsnorm"})",
     "key norm_type: is 'rmsnorm'"},
    {"MptWithAGate", R"({"model_type":"mpt","ffn_config":{"ffn_type":"mptglu"}})",
     "key ffn_config.ffn_type: is 'mptglu'; mptmlp is supported"},
    {"MptClipIsNegative", R"({"model_type":"mpt","attn_config":{"clip_qkv":-1}})",
     "key attn_config.clip_qkv: is -1; 0 to 1000000.0 is allowed"},
    {"MptAttentionIsAString", R"({"model_type":"mpt","attn_config":"torch"})",
     "key attn_config: is not an object"},
    {"FalconNewButSequential",
     R"({"model_type":"falcon","new_decoder_architecture":true,"parallel_attn":false})",
     "key parallel_attn: is false with new_decoder_architecture"},
    {"FalconWithTwoNormsInTheOldLayout", R"({"model_type":"falcon","num_ln_in_parallel_attn":2})",
     "key num_ln_in_parallel_attn: is 2 without new_decoder_architecture"},
    {"FalconWithThreeNorms",
     R"({"model_type":"falcon","new_decoder_architecture":true,"num_ln_in_parallel_attn":3})",
     "key num_ln_in_parallel_attn: is 3; 1 to 2 is allowed"},
};

class BadConfigFile : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadConfigFile, IsOneClearErrorInLittleMemory) {
  largest_allocation = 0;
  EXPECT_THAT([&] { HuggingFaceConfig::parse(GetParam().json, "model/config.json"); },
              ThrowsMessage<FileError>(StartsWith("model/config.json: " + GetParam().words)));
  EXPECT_LT(largest_allocation, (1u << 20) + 2 * GetParam().json.size());
}

// In time that grows with their number, not with its square: the test would not end.
TEST(HuggingFaceConfigFile, LongListsAreLeftOut) {
  for (const int count : {6'000, 10'000, 10'001, 50'000, 400'000}) {
    const std::string labels = object_of(count);
    const std::string json = R"({"model_type":"llama","id2label":)" + labels +
                             R"(,"hidden_size":64,"a":[[)" + labels +
                             R"(],{"b":1}],"eos_token_id":7})";
    largest_allocation = 0;
    const HuggingFaceConfig config = HuggingFaceConfig::parse(json);
    EXPECT_EQ(config.hidden_size, 64);
    EXPECT_EQ(config.architecture.special_token_ids.back(), 7);
    EXPECT_LT(largest_allocation, (1u << 20) + 2 * json.size());
  }
}

INSTANTIATE_TEST_SUITE_P(HuggingFace, BadConfigFile, ::testing::ValuesIn(kBadConfigs),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace azimuth
