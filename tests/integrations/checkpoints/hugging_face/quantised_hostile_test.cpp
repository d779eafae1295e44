// Quantised checkpoints with something wrong: each is refused in one line that names it.

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <limits>

#include "azimuth/hugging_face_folder.h"
#include "integrations/checkpoints/hugging_face/quantised_folder.h"

namespace azimuth::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

constexpr const char* kUp = "model.layers.1.mlp.up_proj";
const std::string kUpName = kUp;

struct Hostile {
  const char* name;
  const char* base;
  std::function<void(QuantisedFolder&)> change;
  std::string why;
};

void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }

auto removes(const std::string& piece) {
  return [=](QuantisedFolder& f) { f.remove(kUpName + piece); };
}
auto reshapes(const std::string& piece, const char* shape) {
  return [=](QuantisedFolder& f) {
    SafetensorsTensor& tensor = f.tensor(kUpName + piece);
    tensor.shape = shape;
    std::size_t size = 1;
    for (const auto& side : nlohmann::json::parse(shape)) size *= side.get<std::size_t>();
    const std::size_t bytes = tensor.dtype == R"("F32")" || tensor.dtype == R"("I32")"    ? 4
                              : tensor.dtype == R"("F16")" || tensor.dtype == R"("BF16")" ? 2
                              : tensor.dtype == R"("I64")"                                ? 8
                                                                                          : 1;
    tensor.data.resize(size * bytes, '\1');
  };
}
template <class T>
auto sets(const std::string& piece, std::size_t index, T value) {
  return [=](QuantisedFolder& f) { f.set<T>(kUpName + piece, index, value); };
}
auto says(const char* key, const nlohmann::json& value) {
  return [=](QuantisedFolder& f) { f.config["quantization_config"][key] = value; };
}
// Of the group that the module is in.
auto says_of_group(const char* group, const char* key, const nlohmann::json& value) {
  return [=](QuantisedFolder& f) {
    f.config["quantization_config"]["config_groups"][group]["weights"][key] = value;
  };
}
auto json_of_state(const char* key, const nlohmann::json& value) {
  return [=](QuantisedFolder& f) {
    SafetensorsTensor& tensor = f.tensor(kUpName + ".weight.quant_state.bitsandbytes__nf4");
    auto state = nlohmann::json::parse(tensor.data);
    state[key] = value;
    tensor.data = state.dump();
    tensor.shape = "[" + std::to_string(tensor.data.size()) + "]";
  };
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr std::uint16_t kHalfNan = 0x7e00;
constexpr std::uint16_t kBfloatInfinity = 0x7f80;

std::vector<Hostile> hostile_folders() {
  const std::string missing = "tensor " + kUpName + ".weight: its " + kUpName;
  const std::string nan = ": holds a scale that is not finite";
  return {
      {"fp8_scale_missing", "fp8_blocks", removes(".weight_scale_inv"),
       missing + ".weight_scale_inv is missing"},
      {"fp8_scale_shape", "fp8_blocks", reshapes(".weight_scale_inv", "[1,2]"),
       "weight_scale_inv: shape {1, 2} where {2, 1} scales are expected"},
      {"fp8_scale_nan", "fp8_blocks", sets(".weight_scale_inv", 1, kNan), "weight_scale_inv" + nan},
      {"fp8_scale_type", "fp8_blocks",
       [](QuantisedFolder& f) { f.tensor(kUpName + ".weight_scale_inv").dtype = R"("I32")"; },
       "weight_scale_inv: its type is I32, and it holds scales"},
      {"fp8_other_blocks", "fp8_blocks", says("weight_block_size", {64, 64}),
       "scales are expected"},
      {"fp8_one_scale_said", "fp8_blocks", says("weight_block_size", nullptr),
       "where {1, 1} scales are expected"},
      {"fp8_blocks_said", "fp8_tensor", says("weight_block_size", {4, 4}), "scales are expected"},
      {"fp8_no_blocks", "fp8_blocks", says("weight_block_size", {0, 128}),
       "key quantization_config.weight_block_size: is not two sizes"},
      {"fp8_three_blocks", "fp8_blocks", says("weight_block_size", {1, 1, 1}),
       "key quantization_config.weight_block_size: is not two sizes"},
      {"fp8_fp4_experts", "fp8_blocks", says("expert_dtype", "fp4"),
       "key quantization_config.expert_dtype: is not fp8"},
      {"fp8_vector", "fp8_blocks",
       [](QuantisedFolder& f) { f.tensor(kUpName + ".weight").shape = "[3264]"; },
       ".weight: is not a matrix"},
      {"fp8_cast_beside_its_scale", "fp8_tensor",
       [](QuantisedFolder& f) {
         SafetensorsTensor& tensor = f.tensor(kUpName + ".weight");
         tensor.dtype = R"("BF16")";
         tensor.data += tensor.data;
       },
       kUpName + ".weight_scale_inv: is a piece of a quantised weight"},
      {"fp8_e5m2", "fp8_blocks",
       [](QuantisedFolder& f) { f.tensor(kUpName + ".weight").dtype = R"("F8_E5M2")"; },
       kUpName + ".weight_scale_inv: is a piece of a quantised weight"},
      {"none_is_quantised", "fp8_blocks",
       [](QuantisedFolder& f) {
         f = QuantisedFolder(AZIMUTH_TEST_DATA "/architectures/llama");
         f.config["quantization_config"] = {{"quant_method", "fp8"}};
       },
       "quantization_config says that weights are quantised, and none is stored so"},
      {"fp8_without_a_config", "fp8_blocks",
       [](QuantisedFolder& f) { f.config.erase("quantization_config"); },
       "its type is F8_E4M3; F32, F16 and BF16 can be read"},
      {"cast_without_a_config", "fp8_tensor",
       [](QuantisedFolder& f) {
         f.config.erase("quantization_config");
         for (SafetensorsTensor& tensor : f.tensors) {
           if (tensor.dtype != R"("F8_E4M3")") continue;
           tensor.dtype = R"("BF16")";
           tensor.data += tensor.data;
         }
       },
       "is not known to models of llama"},

      {"compressed_scale_missing", "compressed_int8", removes(".weight_scale"),
       missing + ".weight_scale is missing"},
      {"compressed_zero_missing", "compressed_int8", removes(".weight_zero_point"),
       missing + ".weight_zero_point is missing"},
      {"compressed_zero_left_over", "compressed_int8", says_of_group("group_1", "symmetric", true),
       "weight_zero_point: is there, though quantization_config says symmetric"},
      {"compressed_zero_type", "compressed_int8",
       [](QuantisedFolder& f) { f.tensor(kUpName + ".weight_zero_point").dtype = R"("U8")"; },
       "weight_zero_point: is a U8 of {40, 1} where an I8 of {40, 1} is expected"},
      {"compressed_scale_infinite", "compressed_int8", sets(".weight_scale", 39, kBfloatInfinity),
       ".weight_scale" + nan},
      {"compressed_tensor_said", "compressed_int8", says_of_group("group_1", "strategy", "tensor"),
       "weight_scale: shape {24, 1} where {1, 1} scales are expected"},
      {"compressed_float_said", "compressed_int8", says_of_group("group_0", "type", "float"),
       ".weight: its type is I8, and quantization_config says that it is stored otherwise"},
      {"compressed_packed_said", "compressed_int8", says("format", "pack-quantized"),
       ".weight: its type is I8, and quantization_config says that it is stored otherwise"},
      {"compressed_in_no_group", "compressed_int8",
       [](QuantisedFolder& f) {
         f.config["quantization_config"]["config_groups"]["group_1"]["targets"] = {"re:.*gate.*"};
       },
       ": no group of quantization_config says how it is stored"},
      {"compressed_hostile_pattern", "compressed_int8",
       [](QuantisedFolder& f) {
         f.config["quantization_config"]["config_groups"]["group_1"]["targets"] = {"re:(?!a)b"};
       },
       "key quantization_config.config_groups.group_1.targets: 're:(?!a)b'"},
      {"compressed_large_patterns", "compressed_int8",
       [](QuantisedFolder& f) {
         auto& groups = f.config["quantization_config"]["config_groups"];
         for (int i = 0; i < 900; ++i) {
           groups["more_" + std::to_string(i)] = groups["group_1"];
           groups["more_" + std::to_string(i)]["targets"] = {"re:a{900}b{900}c{900}"};
         }
       },
       "targets: is too large"},
      {"compressed_tensor_group", "compressed_int8",
       says_of_group("group_1", "strategy", "tensor_group"),
       "weights.strategy: 'tensor_group' cannot be read"},
      {"compressed_nvfp4", "compressed_int8", says("format", "nvfp4-pack-quantized"),
       "format: 'nvfp4-pack-quantized' cannot be read"},
      {"compressed_sparse", "compressed_int8",
       says("sparsity_config", {{"format", "sparse-24-bitmask"}}),
       "sparsity_config.format: 'sparse-24-bitmask' cannot be read"},
      {"compressed_rotated", "compressed_int8",
       says("transform_config", {{"config_groups", {{"u", {{"type", "hadamard"}}}}}}),
       "transform_config: is not supported"},
      {"compressed_without_groups", "compressed_int8", says("config_groups", nullptr),
       "config_groups: is missing"},
      {"compressed_group_of_none", "compressed_packed", says_of_group("group_2", "group_size", 0),
       "group_size: is 0; 1 to "},
      {"compressed_other_group", "compressed_packed", says_of_group("group_2", "group_size", 4),
       "scales are expected"},
      {"compressed_order", "compressed_packed", says_of_group("group_2", "actorder", "group"),
       "actorder: 'group' cannot be read"},
      {"compressed_three_bits", "compressed_packed", says_of_group("group_2", "num_bits", 3),
       "num_bits: is 3 of type int"},
      {"compressed_eight_bits_said", "compressed_packed", says_of_group("group_2", "num_bits", 8),
       "weight_packed: shape {40, 3} where {40, 6} is expected"},
      {"compressed_nibbles_missing", "compressed_packed", reshapes(".weight_packed", "[40,2]"),
       "weight_packed: shape {40, 2} where {40, 3} is expected"},
      {"compressed_shape_missing", "compressed_packed", removes(".weight_shape"),
       kUpName + ".weight_packed: its " + kUpName + ".weight_shape is missing"},
      {"compressed_shape_negative", "compressed_packed",
       sets<std::int64_t>(".weight_shape", 1, -24), "weight_shape: is not the shape of a matrix"},
      {"compressed_shape_huge", "compressed_packed",
       sets<std::int64_t>(".weight_shape", 1, 1ll << 62),
       "weight_shape: is not the shape of a matrix"},
      {"compressed_packed_zero_shape", "compressed_packed", reshapes(".weight_zero_point", "[4,3]"),
       "weight_zero_point: shape {4, 3} where {5, 3} is expected"},
      {"compressed_packed_missing", "compressed_packed", removes(".weight_packed"),
       ": is a piece of a quantised weight"},
      {"compressed_g_idx", "compressed_packed",
       [](QuantisedFolder& f) {
         f.tensors.push_back({kUpName + ".weight_g_idx", R"("I32")", "[1]", std::string(4, '\0')});
       },
       ".weight_g_idx: is a piece of a quantised weight"},

      {"bnb_state_missing", "bnb_nf4", removes(".weight.quant_state.bitsandbytes__nf4"),
       ": is a piece of a quantised weight"},
      {"bnb_magnitudes_missing", "bnb_nf4", removes(".weight.absmax"), ".absmax is missing"},
      {"bnb_nested_missing", "bnb_nf4", removes(".weight.nested_absmax"),
       ".nested_absmax is missing"},
      {"bnb_nested_map_missing", "bnb_nf4", removes(".weight.nested_quant_map"),
       ".nested_quant_map is missing"},
      {"bnb_map_missing", "bnb_nf4", removes(".weight.quant_map"), ".quant_map is missing"},
      {"bnb_another_map", "bnb_nf4", sets(".weight.quant_map", 3, 0.5f),
       ".quant_map: is not the table of nf4"},
      {"bnb_nested_nan", "bnb_nf4", sets(".weight.nested_absmax", 0, kNan), "nested_absmax" + nan},
      {"bnb_map_nan", "bnb_nf4", sets(".weight.nested_quant_map", 0, kNan),
       "nested_quant_map" + nan},
      {"bnb_fewer_codes", "bnb_nf4", reshapes(".weight", "[1151,1]"),
       ".weight: does not hold 4 bits for each of {96, 24}"},
      {"bnb_fewer_magnitudes", "bnb_nf4", reshapes(".weight.absmax", "[71]"),
       ".absmax: shape {71} where {72} is expected"},
      {"bnb_no_block", "bnb_nf4", json_of_state("blocksize", 0),
       "its blocksize holds something other than numbers from 1"},
      {"bnb_other_block", "bnb_nf4", json_of_state("blocksize", 64), "is expected"},
      {"bnb_no_nested_block", "bnb_nf4", json_of_state("nested_blocksize", 0),
       "its nested_blocksize holds something other"},
      {"bnb_offset", "bnb_nf4", json_of_state("nested_offset", "a"),
       "its nested_offset is not a number"},
      {"bnb_shape", "bnb_nf4", json_of_state("shape", {96, 24, 1}),
       "its shape is not that of a matrix"},
      {"bnb_huge_shape", "bnb_nf4", json_of_state("shape", {1ll << 40, 24}),
       "its shape holds something other"},
      {"bnb_json", "bnb_nf4", sets(".weight.quant_state.bitsandbytes__nf4", 0, '!'),
       "bitsandbytes__nf4: JSON"},
      {"bnb_type", "bnb_nf4", json_of_state("quant_type", "fp4"), "its quant_type is not nf4"},
      {"bnb_fp4_said", "bnb_nf4", says("bnb_4bit_quant_type", "fp4"),
       ": is a piece of a quantised weight"},
      {"bnb_int4_said", "bnb_nf4", says("bnb_4bit_quant_type", "int4"),
       "bnb_4bit_quant_type: 'int4' cannot be read"},
      {"bnb_both_said", "bnb_nf4", says("load_in_8bit", true), "one of them has to be true"},
      {"bnb_scale_missing", "bnb_int8", removes(".SCB"), ".weight_format: is a piece of"},
      {"bnb_weight_missing", "bnb_int8", removes(".weight"), ".weight is missing"},
      {"bnb_scale_shape", "bnb_int8", reshapes(".SCB", "[39]"),
       ".SCB: shape {39} where {40, 1} scales are expected"},
      {"bnb_scale_nan", "bnb_int8", sets(".SCB", 39, kNan), ".SCB" + nan},
      {"bnb_of_a_gpu", "bnb_int8", sets<std::uint8_t>(".weight_format", 0, 2),
       ".weight_format: is not that of rows"},

      {"awq_zeros_missing", "awq", removes(".qzeros"), ".qzeros is missing"},
      {"awq_scales_missing", "awq", removes(".scales"), ".scales is missing"},
      {"awq_words_missing", "awq", removes(".qweight"), ": is a piece of a quantised weight"},
      {"awq_scale_nan", "awq", sets(".scales", 119, kHalfNan), ".scales" + nan},
      {"awq_scale_shape", "awq", reshapes(".scales", "[4,40]"),
       ".scales: shape {4, 40} where {3, 40} is expected"},
      {"awq_zero_shape", "awq", reshapes(".qzeros", "[3,6]"),
       ".qzeros: shape {3, 6} where {3, 5} is expected"},
      {"awq_no_group", "awq", says("group_size", 0), "group_size: is 0; 1 to "},
      {"awq_other_group", "awq", says("group_size", 16), "is expected"},
      {"awq_eight_bits", "awq", says("bits", 8), "bits: is not 4"},
      {"awq_gemv", "awq", says("version", "gemv"), "version: of AWQ is not gemm"},
      {"awq_without_zeros", "awq", says("zero_point", false), "zero_point: is false"},
      {"awq_beside_a_weight", "awq",
       [](QuantisedFolder& f) {
         f.tensors.push_back({kUpName + ".weight", R"("BF16")", "[1,1]", "ab"});
       },
       ".weight: stands beside the pieces of another"},

      {"gptq_group_outside", "gptq", sets<std::int32_t>(".g_idx", 23, 3),
       ".g_idx: puts input 23 into group 3 of 3"},
      {"gptq_group_negative", "gptq", sets<std::int32_t>(".g_idx", 0, -1),
       ".g_idx: puts input 0 into group -1 of 3"},
      {"gptq_groups_cut", "gptq", reshapes(".g_idx", "[23]"),
       ".g_idx: shape {23} where {24} is expected"},
      {"gptq_groups_type", "gptq",
       [](QuantisedFolder& f) { f.tensor(kUpName + ".g_idx").dtype = R"("F32")"; },
       ".g_idx: its type is F32 where I32 is expected"},
      {"gptq_zero_of_no_level", "gptq", sets<std::uint32_t>(".qzeros", 0, 0xf0),
       ".qzeros: holds a zero point of 15, which with the 1"},
      {"gptq_three_bits", "gptq", says("bits", 3), "bits: is 3; GPTQ of 2, 4 and 8 bits"},
      {"gptq_other_bits", "gptq", says("bits", 8), "is expected"},
      {"gptq_marlin", "gptq", says("checkpoint_format", "marlin"),
       "checkpoint_format: 'marlin' cannot be read"},
      {"gptq_bits_by_module", "gptq", says("dynamic", {{"-:.*up.*", nlohmann::json::object()}}),
       "dynamic: is not supported"},
      {"gptq_rows_missing", "gptq", reshapes(".qweight", "[2,40]"), "is expected"},
      {"gptq_vector", "gptq", reshapes(".qweight", "[120]"),
       ".qweight: is a I32 of {120} where a matrix of I32 is expected"},
  };
}

class QuantisedHostile : public ::testing::TestWithParam<Hostile> {};

TEST_P(QuantisedHostile, IsRefusedInOneLine) {
  QuantisedFolder files(kQuantised / GetParam().base);
  GetParam().change(files);
  const TemporaryFolder folder;
  files.write(folder);
  EXPECT_THAT([&] { load_hugging_face(folder.path()); },
              ThrowsMessage<FileError>(AllOf(HasSubstr(folder.path().string()),
                                             HasSubstr(GetParam().why), Not(HasSubstr("\n")))));
}

INSTANTIATE_TEST_SUITE_P(Files, QuantisedHostile, ::testing::ValuesIn(hostile_folders()),
                         [](const auto& info) { return info.param.name; });

TEST(QuantisedMethods, ThatAreNotKnownAreRefusedByName) {
  for (const char* method : {"quanto", "hqq", "torchao", "eetq", "vptq", "spqr", "aqlm", "higgs",
                             "fbgemm_fp8", "modelopt", "auto-round", "bitnet", "quark"}) {
    QuantisedFolder files(kQuantised / "fp8_blocks");
    files.config["quantization_config"]["quant_method"] = method;
    const TemporaryFolder folder;
    files.write(folder);
    EXPECT_THAT([&] { load_hugging_face(folder.path()); },
                ThrowsMessage<FileError>(HasSubstr("weights quantised by '" + std::string(method) +
                                                   "' cannot be read; can be fp8, ")));
  }
}

// A square matrix of GPT-2 would be taken for its transpose.
TEST(QuantisedGpt2, HasNoPlainMatrixBeside) {
  QuantisedFolder files(AZIMUTH_TEST_DATA "/architectures/gpt2");
  files.config["quantization_config"] = {{"quant_method", "bitsandbytes"}, {"load_in_8bit", true}};
  for (const char* module : {"attn.c_attn", "mlp.c_fc", "mlp.c_proj"}) {
    for (int block = 0; block < 4; ++block) {
      const std::string name = "transformer.h." + std::to_string(block) + "." + module;
      SafetensorsTensor& weight = files.tensor(name + ".weight");
      const auto shape = nlohmann::json::parse(weight.shape);
      const auto rows = shape[1].get<std::size_t>();
      weight.dtype = R"("I8")";
      weight.shape = nlohmann::json({rows, shape[0]}).dump();
      weight.data.resize(rows * shape[0].get<std::size_t>());
      files.tensors.push_back({name + ".SCB", R"("F32")", "[" + std::to_string(rows) + "]",
                               std::string(rows * 4, '\0')});
    }
  }
  const TemporaryFolder folder;
  files.write(folder);
  EXPECT_THAT([&] { load_hugging_face(folder.path()); },
              ThrowsMessage<FileError>(HasSubstr(
                  "attn.c_proj.weight: is not quantised, and other matrices of this gpt2 are")));
}

}  // namespace
}  // namespace azimuth::testing
