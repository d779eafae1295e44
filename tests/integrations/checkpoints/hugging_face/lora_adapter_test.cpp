// Against PEFT's own forward pass: tests/data/adapters/generate.py.

#include "azimuth/lora_adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "azimuth/analysis.h"
#include "azimuth/hugging_face_folder.h"
#include "azimuth/safetensors_file.h"
#include "integrations/checkpoints/safetensors/safetensors_writer.h"
#include "support/temporary_folder.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const std::filesystem::path kData = AZIMUTH_TEST_DATA;

ModelWeights base_of(const std::string& name) {
  return load_hugging_face(kData / "architectures" / name);
}

class EveryAdapter : public ::testing::TestWithParam<std::string> {
 protected:
  const json expected_ =
      json::parse(std::ifstream(kData / "adapters" / GetParam() / "hidden_states.json"));
  const ModelWeights base_ = base_of(expected_.at("base"));
  const ModelWeights tuned_ = with_lora_adapter(base_, kData / "adapters" / GetParam());
};

TEST_P(EveryAdapter, NormsAreThoseOfPeft) {
  Workers workers;
  const std::vector<std::int64_t> ids = expected_.at("token_ids");
  const HiddenStates<float> states = single_token_pass<float>(tuned_, ids, workers);
  for (std::size_t l = 0; l < states.initial.size(); ++l) {
    for (std::size_t t = 0; t < ids.size(); ++t) {
      const auto column = static_cast<Eigen::Index>(t);
      const double initial = expected_.at("norms").at(l).at(t);
      EXPECT_NEAR(states.initial[l].cast<double>().col(column).norm() / initial, 1, 1e-4);
      const double zero = expected_.at("zero_attention_norms").at(l).at(t);
      EXPECT_NEAR(states.zero_attention_norms[l][column] / zero, 1, 1e-4) << l << " " << t;
    }
  }
}

TEST_P(EveryAdapter, ChangesDigestAndFingerprint) {
  EXPECT_NE(tuned_.digest(), base_.digest());
  EXPECT_NE(tuned_.fingerprint(), base_.fingerprint());
  EXPECT_EQ(tuned_.digest(), with_lora_adapter(base_, kData / "adapters" / GetParam()).digest());
}

// Products in both directions and rows, which the spectral part needs, against W + B A formed.
TEST_P(EveryAdapter, MapsAreTheMergedMatrices) {
  Workers workers;
  for (const auto& block : tuned_.blocks()) {
    const FeedForward& ffn = block.feed_forwards().front();
    std::vector<std::shared_ptr<const LinearMap>> maps = {ffn.up.map, ffn.down.map};
    if (const auto* const attention = block.work<Attention>()) {
      maps.insert(maps.end(), {attention->value.map, attention->output.map});
      if (attention->gate) maps.push_back(attention->gate.map);
    } else {
      const DeltaRule& rule = *block.work<DeltaRule>();
      maps.insert(maps.end(), {rule.input.map, rule.gate.map, rule.strength.map, rule.output.map});
    }
    for (const auto& map : maps) {
      const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(map->columns(), map->columns());
      Eigen::MatrixXd merged(map->rows(), map->columns());
      map->apply(identity, merged, workers);
      Eigen::MatrixXd transposed(map->columns(), map->rows());
      map->apply_transpose(Eigen::MatrixXd::Identity(map->rows(), map->rows()), transposed,
                           workers);
      EXPECT_LT((transposed.transpose() - merged).norm(), 1e-6 * merged.norm());
      Eigen::MatrixXf rows(map->columns(), map->rows() - 1);
      map->unpack_rows(1, rows);
      EXPECT_LT((rows.transpose().cast<double>() - merged.bottomRows(map->rows() - 1)).norm(),
                1e-6 * merged.norm());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Peft, EveryAdapter,
                         ::testing::Values("bloom", "falcon_40b", "gemma2_dora", "gemma2_embedding",
                                           "gpt2", "gpt2_dora", "gpt2_saved", "gpt_neox", "llama",
                                           "llama_added_rows", "llama_dora", "llama_rows",
                                           "llama_tokens", "mixtral", "mixtral_router", "qwen3_5"),
                         [](const auto& info) { return info.param; });

/// A copy of the adapter of `llama` that can be damaged.
class LoraAdapter : public ::testing::Test {
 protected:
  LoraAdapter() { restore(); }

  void restore() {
    std::filesystem::copy(kData / "adapters" / "llama", folder_.path(),
                          std::filesystem::copy_options::overwrite_existing |
                              std::filesystem::copy_options::recursive);
  }

  void set(const std::string& key, const json& value) {
    const std::filesystem::path file = folder_.path() / "adapter_config.json";
    json config = json::parse(std::ifstream(file));
    config[key] = value;
    std::ofstream(file) << config;
  }

  /// Zeros, by name and shape.
  void put_tensors(const std::vector<std::pair<std::string, std::vector<std::size_t>>>& tensors) {
    SafetensorsWriter file;
    for (const auto& [name, shape] : tensors) {
      const std::size_t size =
          std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies());
      file.tensors.push_back(
          {.name = name, .shape = json(shape).dump(), .data = f32_data(std::vector<float>(size))});
    }
    folder_.write("adapter_model.safetensors", file.bytes());
  }

  std::string complaint() {
    try {
      with_lora_adapter(base_of("llama"), folder_.path());
    } catch (const FileError& error) {
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
};

TEST_F(LoraAdapter, RefusesByNameWhatWouldChangeTheResult) {
  const std::vector<std::pair<std::string, json>> settings = {
      {"peft_type", "IA3"},
      {"lora_bias", true},
      {"bias", "all"},
      {"modules_to_save", "lm_head"},
      {"trainable_token_indices", {1, 2}},
      {"layer_replication", {{0, 2}}},
      {"target_parameters", {"mlp.experts.gate_up_proj"}},
      {"init_lora_weights", "pissa_niter_4"},
      {"alpha_pattern", {{"(?=layers).*", 3}}},
      {"alpha_pattern", {{std::string(1001, 'a'), 3}}},
      {"lora_alpha", -1},
      {"lora_alpha", "much"},
      {"an_option_of_next_year", 1},
  };
  for (const auto& [key, value] : settings) {
    restore();
    ASSERT_EQ(complaint(), "");
    set(key, value);
    EXPECT_THAT(complaint(), AllOf(HasSubstr("adapter_config.json: key "), HasSubstr(key))) << key;
  }
}

TEST_F(LoraAdapter, RefusesAConfigThatIsNoStrictJson) {
  const std::vector<std::pair<std::string, std::string>> configs = {
      {std::string(100'000, '['), "JSON: is nested more than 32 deep"},
      {"{\"peft_type\":\"\xff\"}", "JSON: parse error"},
      {R"({"peft_type":"LORA","peft_type":"LORA"})", "JSON: \"peft_type\" "},
  };
  for (const auto& [config, words] : configs) {
    const std::string file = folder_.write("adapter_config.json", config);
    EXPECT_THAT(complaint(), StartsWith(file + ": " + words));
  }
}

TEST_F(LoraAdapter, RefusesTensorsThatAreNotOfTheModel) {
  const auto a = [](const std::string& module) {
    return "base_model.model.model." + module + ".lora_A.weight";
  };
  const auto b = [](const std::string& module) {
    return "base_model.model.model." + module + ".lora_B.weight";
  };
  const std::string out = "layers.0.self_attn.o_proj";
  put_tensors({{a(out), {2, 32}}, {b(out), {24, 2}}});
  EXPECT_EQ(complaint(), "");

  put_tensors({{a(out), {2, 32}}});
  EXPECT_THAT(complaint(), HasSubstr("lora_B is missing"));
  put_tensors({});
  EXPECT_THAT(complaint(), HasSubstr("there are none"));
  put_tensors({{a(out), {2, 32}}, {b(out), {24, 3}}});
  EXPECT_THAT(complaint(), HasSubstr("does not fit"));
  put_tensors({{a(out), {2, 31}}, {b(out), {24, 2}}});
  EXPECT_THAT(complaint(), HasSubstr("does not fit"));
  put_tensors({{a(out), {0, 32}}, {b(out), {24, 2}}});
  EXPECT_THAT(complaint(), HasSubstr("lora_A.weight: has a dimension of 0"));
  put_tensors({{a(out), {2, 4, 8}}, {b(out), {24, 2}}});
  EXPECT_THAT(complaint(), HasSubstr("is not a matrix"));
  put_tensors({{"base_model.model.lm_head.weight", {2, 2}}});
  EXPECT_THAT(complaint(), HasSubstr("lm_head.weight: shape {2, 2} does not fit"));
  const std::string far = "layers.9.self_attn.o_proj";
  put_tensors({{a(far), {2, 32}}, {b(far), {24, 2}}});
  EXPECT_THAT(complaint(), HasSubstr("the model has no such weight"));
  put_tensors({{a("embed_tokens"), {2, 24}}, {b("embed_tokens"), {37, 2}}});
  EXPECT_THAT(complaint(), HasSubstr("is an embedding, and has lora_A or lora_B of a matrix"));
  put_tensors({{a("layers.0.mlp"), {2, 24}}, {b("layers.0.mlp"), {24, 2}}});
  EXPECT_THAT(complaint(), HasSubstr("the model has no such weight"));
  put_tensors({{"base_model.model.model.norm.weight", {24}}});
  EXPECT_EQ(complaint(), "");
  put_tensors({{"base_model.model.model.norm.weight", {23}}});
  EXPECT_THAT(complaint(), HasSubstr("model.norm.weight: shape {23} does not fit in the place of"));
  put_tensors({{"base_model.model.model." + out + ".weight", {24, 32}}});
  EXPECT_THAT(complaint(), HasSubstr(out + ".weight: is not the embedding, the head, positions"));
  put_tensors({{"base_model.model.model.norm.bias", {24}}});
  EXPECT_THAT(complaint(), HasSubstr("model.norm.bias: the model has none in its place"));
  put_tensors({{"base_model.model.model." + out + ".lora_C", {24, 32}}});
  EXPECT_THAT(complaint(), HasSubstr("is neither a factor nor the magnitude"));
  put_tensors({{"base_model.model.model.embed_tokens.weight", {37, 23}}});
  EXPECT_THAT(complaint(), HasSubstr("shape {37, 23} does not fit hidden size 24"));
  put_tensors({{"base_model.model.model.embed_tokens.lora_embedding_A", {2, 36}},
               {"base_model.model.model.embed_tokens.lora_embedding_B", {24, 2}}});
  EXPECT_THAT(complaint(), HasSubstr("does not fit a weight of {37, 24}"));
  put_tensors({{a(out), {2, 32}}, {b(out), {24, 2}}, {b(out + ".x"), {24, 2}}});
  EXPECT_THAT(complaint(), HasSubstr("lora_A is missing"));
  put_tensors({{a(out), {2, 32}}, {a(out).insert(a(out).size() - 7, ".default"), {2, 32}}});
  EXPECT_THAT(complaint(), HasSubstr("is the same as"));
}

TEST_F(LoraAdapter, RefusesMagnitudesThatDoNotFit) {
  const std::string out = "base_model.model.model.layers.0.self_attn.o_proj.";
  const auto put = [&](std::size_t length) {
    put_tensors({{out + "lora_A.weight", {2, 32}},
                 {out + "lora_B.weight", {24, 2}},
                 {out + "lora_magnitude_vector", {length}}});
  };
  put(24);
  EXPECT_THAT(complaint(), HasSubstr("has a lora_magnitude_vector, and use_dora is not set"));
  set("use_dora", true);
  EXPECT_EQ(complaint(), "");
  put(23);
  EXPECT_THAT(complaint(), HasSubstr("a magnitude of 23 numbers does not fit 24 rows"));
  put_tensors({{out + "lora_A.weight", {2, 32}}, {out + "lora_B.weight", {24, 2}}});
  EXPECT_THAT(complaint(), HasSubstr("lora_magnitude_vector is missing"));
  const std::string embedding = "base_model.model.model.embed_tokens.lora_embedding_";
  put_tensors({{embedding + "A", {2, 37}}, {embedding + "B", {24, 2}}});
  EXPECT_THAT(complaint(), HasSubstr("lora_magnitude_vector is missing"));
  put_tensors({{embedding + "A", {2, 37}},
               {embedding + "B", {24, 2}},
               {"base_model.model.model.embed_tokens.lora_magnitude_vector", {37}}});
  EXPECT_THAT(complaint(), HasSubstr("a magnitude of 37 numbers does not fit 24 columns"));
}

TEST_F(LoraAdapter, RefusesRowsThatDoNotFit) {
  const std::string embedding = "base_model.model.model.embed_tokens.";
  const std::string rows = embedding + "token_adapter.trainable_tokens_delta";
  const std::string v_proj = "base_model.model.model.layers.0.self_attn.v_proj.";
  put_tensors({{rows, {2, 24}}});
  EXPECT_THAT(complaint(), HasSubstr("does not fit the 0 tokens of trainable_token_indices"));
  set("trainable_token_indices", {7, 2});
  EXPECT_EQ(complaint(), "");
  const std::vector<std::pair<json, const char*>> indices = {
      {{7, 37}, "model.embed_tokens.weight: there is no row 37 among 37"},
      {{7, 7}, "model.embed_tokens.weight: row 7 appears twice"},
      {{7, 2, 3}, "shape {2, 24} does not fit the 3 tokens"},
      {{7, -1}, "key trainable_token_indices: holds something that is no token id"},
      {{7, 1ull << 40}, "key trainable_token_indices: holds something that is no token id"},
      {{{"lm_head", {7, 2}}}, "does not fit the 0 tokens"},
      {7, "key trainable_token_indices: is not a list"},
  };
  for (const auto& [value, why] : indices) {
    set("trainable_token_indices", value);
    EXPECT_THAT(complaint(), HasSubstr(why)) << value;
  }
  set("trainable_token_indices", {7, 2});
  put_tensors({{rows, {2, 23}}});
  EXPECT_THAT(complaint(), HasSubstr("shape {2, 23} does not fit"));
  put_tensors({{v_proj + "token_adapter.trainable_tokens_delta", {2, 24}}});
  EXPECT_THAT(complaint(), HasSubstr("is neither the embedding nor the head"));
  put_tensors({{rows, {2, 24}},
               {embedding + "lora_embedding_A", {2, 37}},
               {embedding + "lora_embedding_B", {24, 2}}});
  EXPECT_THAT(complaint(), HasSubstr("which PEFT does not train together"));
  put_tensors({{v_proj + "lora_A.weight", {2, 24}}, {v_proj + "lora_B.weight", {16, 2}}});
  EXPECT_THAT(complaint(), HasSubstr("key trainable_token_indices: names tokens, and their rows"));
}

TEST_F(LoraAdapter, RefusesAnEmbeddingThatIsSaidToBeThere) {
  set("modules_to_save", {"classifier", "embed_tokens"});
  EXPECT_THAT(complaint(), HasSubstr("module embed_tokens: is said to be saved whole"));
  set("modules_to_save", {"lm_head"});
  set("ensure_weight_tying", true);
  EXPECT_EQ(complaint(), "");
  put_tensors({{"base_model.model.lm_head.weight", {37, 24}}});
  EXPECT_THAT(complaint(), HasSubstr("key ensure_weight_tying"));
}

// Heads, scores, towers for pictures: the norms are those without them.
TEST_F(LoraAdapter, LeavesOutWhatPlaysNoPart) {
  const ModelWeights base = base_of("llama");
  const std::string v_proj = "vision_tower.vision_model.encoder.layers.0.self_attn.v_proj.";
  put_tensors({{"base_model.model.lm_head.weight", {37, 24}},
               {"base_model.model.score.weight", {2, 24}},
               {"base_model.model.model." + v_proj + "lora_A.weight", {2, 9}},
               {"base_model.model.model." + v_proj + "lora_B.weight", {9, 2}},
               {"base_model.model.model.multi_modal_projector.weight", {3, 3}}});
  const ModelWeights tuned = with_lora_adapter(base, folder_.path());
  const std::vector<std::int64_t> ids = {1, 2, 7};
  Workers workers;
  EXPECT_EQ(single_token_pass<float>(tuned, ids, workers).initial,
            single_token_pass<float>(base, ids, workers).initial);
  EXPECT_THAT(base.warnings(), IsEmpty());
  EXPECT_THAT(
      tuned.warnings(),
      ElementsAre("3 of the adapter's modules are not used: model.multi_modal_projector, model." +
                  v_proj.substr(0, v_proj.size() - 1) + ", score"));
}

// Of a base whose head is the embedding.
TEST_F(LoraAdapter, SaysThatAHeadIsNotUsed) {
  set("modules_to_save", {"lm_head"});
  put_tensors({{"base_model.model.lm_head.weight", {37, 24}}});
  EXPECT_THAT(with_lora_adapter(base_of("gemma2"), folder_.path()).warnings(),
              ElementsAre("1 of the adapter's modules is not used: lm_head"));
}

TEST_F(LoraAdapter, ReadsNamesWithTheNameOfTheAdapter) {
  const NamedTensors tensors =
      SafetensorsFile::open(folder_.path() / "adapter_model.safetensors").tensors();
  const std::string digest = with_lora_adapter(base_of("llama"), folder_.path()).digest();
  SafetensorsWriter file;
  for (const NamedTensor& t : tensors.tensors) {
    std::string name = t.name;
    name.insert(name.rfind(".weight"), ".default");
    const auto* bytes = reinterpret_cast<const char*>(t.view.data);
    file.tensors.push_back({.name = name,
                            .shape = json(t.view.shape).dump(),
                            .data = {bytes, static_cast<std::size_t>(t.view.bytes())}});
  }
  folder_.write("adapter_model.safetensors", file.bytes());
  EXPECT_EQ(with_lora_adapter(base_of("llama"), folder_.path()).digest(), digest);
}

// The factors that are there say which modules and ranks they are, whatever the patterns.
TEST_F(LoraAdapter, NeedsNoPatternsButThoseOfScales) {
  const std::string digest = with_lora_adapter(base_of("llama"), folder_.path()).digest();
  set("target_modules", "(?!.*vision).*(?<=_)proj");
  set("rank_pattern", {{"(?=.*down)\\w+", 2}});
  EXPECT_EQ(with_lora_adapter(base_of("llama"), folder_.path()).digest(), digest);
}

TEST_F(LoraAdapter, TakesEmptyListsForNothing) {
  for (const char* key : {"target_parameters", "modules_to_save", "trainable_token_indices"}) {
    set(key, json::array());
    EXPECT_EQ(complaint(), "") << key;
  }
}

TEST(LoraAdapterOfTokens, AddsThemToTheVocabulary) {
  const ModelWeights base = base_of("llama");
  const ModelWeights tuned = with_lora_adapter(base, kData / "adapters" / "llama_tokens");
  EXPECT_EQ(tuned.vocab_size(), base.vocab_size() + 3);
  EXPECT_EQ(tuned.sizes().parameter_count, base.sizes().parameter_count + 2 * 3 * 24);
}

TEST(LoraAdapterOfRows, IsNudgedAsTheBaseIs) {
  const ModelWeights base = base_of("llama");
  const ModelWeights tuned = with_lora_adapter(base, kData / "adapters" / "llama_rows");
  const std::vector<std::int64_t> replaced = {7};
  const std::vector<std::int64_t> others = {1};
  EXPECT_NE(tuned.embed(replaced), base.embed(replaced));
  EXPECT_EQ(tuned.embed(others), base.embed(others));
  const Eigen::MatrixXf nudged = tuned.nudged(1).embed(replaced);
  EXPECT_NE(nudged, tuned.embed(replaced));
  EXPECT_LT((nudged - tuned.embed(replaced)).norm(), 1e-5F * nudged.norm());
}

TEST_F(LoraAdapter, RowsThatAreNotFiniteAreFound) {
  SafetensorsWriter file;
  file.tensors.push_back(
      {.name = "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta",
       .shape = "[1,24]",
       .data = f32_data(std::vector<float>(24, NAN))});
  folder_.write("adapter_model.safetensors", file.bytes());
  set("trainable_token_indices", {7});
  const ModelWeights tuned = with_lora_adapter(base_of("llama"), folder_.path());
  Workers workers;
  const std::vector<std::int64_t> ids = {1, 7};
  EXPECT_EQ(tuned.first_nonfinite(ids, workers)->name, "model.embed_tokens.weight");
  EXPECT_FALSE(tuned.first_nonfinite(std::span(ids).first(1), workers));
}

// As PEFT saved it before safetensors were its default.
TEST(LoraAdapterOfPyTorch, IsTheSameAdapter) {
  const TemporaryFolder folder;
  for (const char* name : {"adapter_config.json", "adapter_model.bin"}) {
    std::filesystem::copy(kData / "adapters" / "llama" / name, folder.path());
  }
  const ModelWeights base = base_of("llama");
  EXPECT_EQ(with_lora_adapter(base, folder.path()).digest(),
            with_lora_adapter(base, kData / "adapters" / "llama").digest());
}

TEST_F(LoraAdapter, SaysWhichFileIsMissing) {
  std::filesystem::remove(folder_.path() / "adapter_model.safetensors");
  std::filesystem::remove(folder_.path() / "adapter_model.bin");
  EXPECT_THAT(complaint(), HasSubstr("adapter_model.safetensors: "));
  std::filesystem::remove(folder_.path() / "adapter_config.json");
  EXPECT_THAT(complaint(), HasSubstr("adapter_config.json: "));
}

}  // namespace
}  // namespace azimuth::testing
