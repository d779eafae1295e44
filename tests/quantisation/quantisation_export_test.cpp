// The text of the files; tests/quantisation/tools.py holds them against the tools themselves.

#include "azimuth/quantisation_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/gguf_model.h"
#include "azimuth/hugging_face_folder.h"
#include "support/architecture_cases.h"
#include "support/tiny_llama.h"

namespace azimuth {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::TinyLlama;

/// As if these had been kept, in this order.
QuantisationAdvice kept(std::vector<DownProjection> projections) {
  for (DownProjection& one : projections) one.kept = true;
  projections.push_back({.block = 1});
  return {.projections = std::move(projections)};
}

std::vector<std::string> names_of(const std::vector<ExportedFile>& files) {
  std::vector<std::string> names;
  for (const ExportedFile& file : files) names.push_back(file.name);
  return names;
}

std::string text_of(const std::vector<ExportedFile>& files, const std::string& name) {
  for (const ExportedFile& file : files) {
    if (file.name == name) return file.text;
  }
  throw std::out_of_range(name);
}

TEST(QuantisationExport, CountsLayersFromZeroInTheirOrder) {
  const ModelWeights weights = load_hugging_face(testing::kData / "llama");
  const auto files = exported(weights, kept({{.block = 4, .kept_as = StoredType::f32},
                                             {.block = 2, .kept_as = StoredType::f32}}));
  EXPECT_THAT(names_of(files),
              ElementsAre("ignore.yaml", "torchao_filter.py", "llama_quantize.txt"));
  EXPECT_THAT(text_of(files, "ignore.yaml"), EndsWith("ignore:\n"
                                                      "  - 'lm_head'\n"
                                                      "  - 'model.layers.1.mlp.down_proj'\n"
                                                      "  - 'model.layers.3.mlp.down_proj'\n"));
  EXPECT_THAT(text_of(files, "torchao_filter.py"),
              HasSubstr("    r\"model\\.layers\\.1\\.mlp\\.down_proj\"\n"
                        "    r\"|model\\.layers\\.3\\.mlp\\.down_proj\"\n"));
  EXPECT_THAT(text_of(files, "llama_quantize.txt"),
              EndsWith("\n--tensor-type \"blk\\.(1|3)\\.ffn_down\\.=f32\"\n"));
}

TEST(QuantisationExport, NamesModulesAsTheCheckpointDoes) {
  const auto ignored = [](const std::string& model) {
    return text_of(exported(load_hugging_face(testing::kData / model), kept({{.block = 2}})),
                   "ignore.yaml");
  };
  EXPECT_THAT(ignored("gpt2"), EndsWith("  - 'transformer.h.1.mlp.c_proj'\n"));
  EXPECT_THAT(ignored("opt"), EndsWith("  - 'model.decoder.layers.1.fc2'\n"));
  EXPECT_THAT(ignored("gemma3"),
              EndsWith("  - 're:.*language_model\\.(model\\.)?layers\\.1\\.mlp\\.down_proj$'\n"));
}

TEST(QuantisationExport, ExpertsAreAPattern) {
  const ModelWeights weights = load_hugging_face(testing::kData / "qwen2_moe");
  const auto files = exported(weights, kept({{.block = 2, .experts = 4},
                                             {.block = 1, .role = Role::shared_down_weight},
                                             {.block = 1, .experts = 4}}));
  EXPECT_THAT(text_of(files, "ignore.yaml"),
              EndsWith("  - 'model.layers.0.mlp.shared_expert.down_proj'\n"
                       "  - 're:model\\.layers\\.0\\.mlp\\.experts\\.\\d+\\.down_proj$'\n"
                       "  - 're:model\\.layers\\.1\\.mlp\\.experts\\.\\d+\\.down_proj$'\n"));
  EXPECT_THAT(text_of(files, "torchao_filter.py"),
              AllOf(HasSubstr("    r\"|model\\.layers\\.1\\.mlp\\.experts\\.\\d+\\.down_proj\"\n"),
                    HasSubstr("BLOCKS = re.compile(r\"model\\.layers\\.\\d+\\.\")\n")));
  EXPECT_THAT(text_of(files, "llama_quantize.txt"),
              EndsWith("\n--tensor-type \"blk\\.(0|1)\\.ffn_down_exps\\.=f16\""
                       " --tensor-type \"blk\\.(0)\\.ffn_down_shexp\\.=f16\"\n"));
}

/// Why a model whose down projections have such names, `{}` for the layer, gives no files.
std::string refusal_of(const std::string& pattern) {
  TinyLlama model;
  NamedTensors tensors = model.named_tensors();
  for (int block = 1; block <= model.blocks; ++block) {
    const auto down = std::ranges::find(
        tensors.tensors, TinyLlama::in_block(block, "mlp.down_proj.weight"), &NamedTensor::name);
    down->name = pattern;
    down->name.replace(pattern.find("{}"), 2, std::to_string(block - 1));
  }
  const ModelWeights weights =
      ModelWeights::from_tensors(TinyLlama::architecture(), std::move(tensors),
                                 {.patterns = {{Role::down_weight, pattern}}, .ignored = {}});
  try {
    exported(weights, kept({{.block = 2}}));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

// A name in such a file could be the end of a string, and then a program.
TEST(QuantisationExport, RefusesNamesThatNoModuleHas) {
  EXPECT_EQ(refusal_of("ffn.{}.down.weight"), "");
  EXPECT_EQ(refusal_of("ffn.{}.\"); import os #.weight"),
            "tensor ffn.1.\"); import os #.weight: its name has a character that no module's has");
  EXPECT_EQ(refusal_of("ffn{}.down.weight"),
            "tensor of ffn1.down: the number of its layer does not stand in its name");
}

TEST(QuantisationExport, GgufFilesHaveNamesOfLlamaCppAlone) {
  const ModelWeights weights = load_gguf(AZIMUTH_TEST_DATA "/gguf/llama.gguf");
  const auto files = exported(weights, kept({{.block = 2}}));
  EXPECT_THAT(names_of(files), ElementsAre("llama_quantize.txt"));
  EXPECT_THAT(files.front().text, EndsWith("\n--tensor-type \"blk\\.(1)\\.ffn_down\\.=f16\"\n"));
}

TEST(QuantisationExport, RefusesAdviceToKeepNoneOrOfAnotherModel) {
  const ModelWeights weights = TinyLlama().weights();
  EXPECT_THROW(exported(weights, {.projections = {{.block = 1}}}), std::invalid_argument);
  EXPECT_THROW(exported(weights, kept({{.block = 6}})), std::invalid_argument);
}

}  // namespace
}  // namespace azimuth
