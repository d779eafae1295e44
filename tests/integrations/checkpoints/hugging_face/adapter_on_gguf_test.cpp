// One adapter on a model as Hugging Face has it and as llama.cpp's converters write it: the two
// must compute the same. tests/data/gguf/README.md says how the files were made.

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <random>

#include "azimuth/analysis.h"
#include "azimuth/gguf_model.h"
#include "azimuth/hugging_face_folder.h"
#include "azimuth/lora_adapter.h"
#include "azimuth/safetensors_file.h"
#include "integrations/checkpoints/safetensors/safetensors_writer.h"
#include "support/temporary_folder.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const std::filesystem::path kTestData = AZIMUTH_TEST_DATA;

ModelWeights converted(const std::string& name) {
  return load_gguf(kTestData / "gguf" / (name + ".gguf"));
}

ModelWeights published(const std::string& name) {
  return load_hugging_face(kTestData / "architectures" / name);
}

bool can_be_adapted(Role role) {
  switch (role) {
    case Role::query_weight:
    case Role::key_weight:
    case Role::value_weight:
    case Role::query_key_value_weight:
    case Role::output_weight:
    case Role::gate_weight:
    case Role::up_weight:
    case Role::gate_up_weight:
    case Role::down_weight:
      return true;
    default:
      return false;
  }
}

bool can_be_saved_whole(Role role) {
  switch (role) {
    case Role::position_embedding:
    case Role::embedding_norm_weight:
    case Role::embedding_norm_bias:
    case Role::attention_norm_weight:
    case Role::attention_norm_bias:
    case Role::attention_output_norm_weight:
    case Role::ffn_norm_weight:
    case Role::ffn_norm_bias:
    case Role::router_weight:
    case Role::ffn_output_norm_weight:
      return true;
    default:
      return false;
  }
}

/// An adapter of every matrix in the first `blocks` blocks, random, with rows of the embedding, and
/// with norms, positions and routers saved whole.
void write_adapter(const TemporaryFolder& folder, const std::string& model, std::size_t blocks) {
  const Architecture architecture = published(model).architecture();
  const bool inputs_first = model == "gpt2";
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 0.3F);
  SafetensorsWriter adapter;
  const auto add = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    const TensorView view = {StoredType::f32, shape, nullptr};
    std::vector<float> numbers(static_cast<std::size_t>(view.size()));
    std::ranges::generate(numbers, [&] { return normal(random); });
    adapter.tensors.push_back(
        {.name = name, .shape = json(shape).dump(), .data = f32_data(numbers)});
  };
  for (const auto& entry :
       std::filesystem::directory_iterator(kTestData / "architectures" / model)) {
    if (entry.path().extension() != ".safetensors") continue;
    for (const NamedTensor& t : SafetensorsFile::open(entry.path()).tensors().tensors) {
      const auto place = role_of(architecture, t.name);
      if (!place || place->block > static_cast<std::int64_t>(blocks)) continue;
      const std::string module =
          "base_model.model." + t.name.substr(0, t.name.size() - std::string(".weight").size());
      if (can_be_saved_whole(place->role)) add("base_model.model." + t.name, t.view.shape);
      if (place->role == Role::token_embedding) {
        add(module + ".token_adapter.trainable_tokens_delta", {2, t.view.columns()});
      }
      if (!can_be_adapted(place->role)) continue;
      const std::int64_t outputs = t.view.shape[inputs_first ? 1 : 0];
      const std::int64_t inputs = t.view.shape[inputs_first ? 0 : 1];
      add(module + ".lora_A.weight", {2, inputs});
      add(module + ".lora_B.weight", {outputs, 2});
    }
  }
  folder.write("adapter_model.safetensors", adapter.bytes());
  folder.write("adapter_config.json",
               R"({"peft_type":"LORA","r":2,"lora_alpha":2,"trainable_token_indices":[16,2]})");
}

struct Pair {
  const char* file;
  const char* model;
};
void PrintTo(const Pair& pair, std::ostream* out) { *out << pair.file; }

class AdapterOnGguf : public ::testing::TestWithParam<Pair> {};

TEST_P(AdapterOnGguf, ComputesWhatItComputesOnTheFolder) {
  const ModelWeights gguf = converted(GetParam().file);
  const TemporaryFolder adapter;
  write_adapter(adapter, GetParam().model, gguf.blocks().size());
  Workers workers;
  const std::vector<std::int64_t> ids = {0, 1, 2, 7, 16, 30};
  const auto expected = single_token_pass<double>(
      with_lora_adapter(published(GetParam().model), adapter.path()), ids, workers);
  const auto found =
      single_token_pass<double>(with_lora_adapter(gguf, adapter.path()), ids, workers);
  const auto without = single_token_pass<double>(gguf, ids, workers);
  for (std::size_t l = 0; l < found.initial.size(); ++l) {
    const double size = expected.initial[l].norm();
    EXPECT_LT((found.initial[l] - expected.initial[l]).norm(), 1e-4 * size) << "block " << l;
    if (l == 0) continue;
    EXPECT_GT((found.initial[l] - without.initial[l]).norm(), 0.01 * size) << "it changes nothing";
  }
}

// gpt_neox_sequential has an activation of its own, of which GGUF says nothing.
INSTANTIATE_TEST_SUITE_P(
    Families, AdapterOnGguf,
    ::testing::Values(Pair{"bloom", "bloom"}, Pair{"falcon_11b", "falcon_11b"},
                      Pair{"falcon_40b", "falcon_40b"}, Pair{"falcon_7b", "falcon_7b"},
                      Pair{"gemma2", "gemma2"}, Pair{"gemma3_text", "gemma3_text"},
                      Pair{"gpt2", "gpt2"}, Pair{"gpt_neox_parallel", "gpt_neox_parallel"},
                      Pair{"llama", "llama"}, Pair{"llama_biases", "llama_biases"},
                      Pair{"mixtral", "mixtral"}, Pair{"mpt", "mpt"}, Pair{"olmo2", "olmo2"},
                      Pair{"phi", "phi"}, Pair{"phi3", "phi3"}, Pair{"qwen2", "qwen2"},
                      Pair{"qwen3", "qwen3"}, Pair{"stablelm_parallel", "stablelm_parallel"},
                      Pair{"stablelm_sequential", "stablelm_sequential"},
                      Pair{"starcoder2", "starcoder2"}),
    [](const auto& info) { return info.param.file; });

TEST(AdapterOnFusedGguf, IsRefusedWhereTheFileFusesWhatTheAdapterHasApart) {
  const TemporaryFolder adapter;
  write_adapter(adapter, "llama_biases", 2);
  try {
    with_lora_adapter(converted("llama_fused"), adapter.path());
    FAIL() << "was not refused";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(), HasSubstr("_proj.weight: the model has no such weight"));
  }
}

/// Against PEFT's own forward pass: tests/data/adapters/generate.py.
class PeftOnGguf : public ::testing::TestWithParam<const char*> {};

TEST_P(PeftOnGguf, NormsAreThoseOfPeft) {
  const std::filesystem::path adapter = kTestData / "adapters" / GetParam();
  const json expected = json::parse(std::ifstream(adapter / "hidden_states.json"));
  Workers workers;
  const std::vector<std::int64_t> ids = expected.at("token_ids");
  const auto states =
      single_token_pass<double>(with_lora_adapter(converted(GetParam()), adapter), ids, workers);
  for (std::size_t l = 0; l < states.initial.size(); ++l) {
    for (std::size_t t = 0; t < ids.size(); ++t) {
      const auto column = static_cast<Eigen::Index>(t);
      const double norm = expected.at("norms").at(l).at(t);
      EXPECT_NEAR(states.initial[l].col(column).norm() / norm, 1, 1e-5) << l << " " << t;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Fused, PeftOnGguf, ::testing::Values("bloom", "falcon_40b"),
                         [](const auto& info) { return std::string(info.param); });

// One source of what a family's layout is, for its models and for its adapters.
TEST(LayoutOfAFamily, IsThatOfItsModels) {
  for (const auto& folder : std::filesystem::directory_iterator(kTestData / "architectures")) {
    if (!folder.is_directory()) continue;
    const Architecture a = load_hugging_face(folder.path()).architecture();
    const bool by_kv_head = a.name == "bloom" || a.name == "falcon" || a.name == "gpt_neox";
    EXPECT_EQ(a.qkv_layout, by_kv_head ? QkvLayout::by_kv_head : QkvLayout::by_kind) << a.name;
  }
}

TEST(UpdateOfAFusedMatrix, IsRefusedWhereItsLayoutIsNotKnown) {
  const ModelWeights base = published("bloom");
  LowRankUpdate update = {"h.0.self_attention.query_key_value.weight",
                          Eigen::MatrixXf::Ones(1, base.hidden_size()),
                          Eigen::MatrixXf::Ones(3 * base.hidden_size(), 1)};
  update.qkv_layout = QkvLayout::by_kind;
  EXPECT_NO_THROW(base.with_updates({update}));
  update.qkv_layout.reset();
  EXPECT_THROW(base.with_updates({update}), std::invalid_argument);
}

}  // namespace
}  // namespace azimuth::testing
