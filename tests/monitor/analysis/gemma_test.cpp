// What Gemma 3n and 4 have beyond other families, where the tests of every architecture would not
// see it: values of another block, and tables of tokens that are there in part.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "analysis/block_operator.h"
#include "azimuth/hugging_face_config.h"
#include "azimuth/hugging_face_folder.h"
#include "azimuth/safetensors_file.h"
#include "support/one_token_norms.h"
#include "support/tiny_random_model.h"

namespace azimuth {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::Passes;
using testing::passes;
using ::testing::ThrowsMessage;

struct GemmaModel {
  explicit GemmaModel(const std::string& name)
      : folder(std::filesystem::path(AZIMUTH_TEST_DATA "/architectures") / name),
        architecture(HuggingFaceConfig::open(folder / "config.json").architecture),
        file(SafetensorsFile::open(folder / "model.safetensors")),
        tensors(file.tensors()),
        expected(json::parse(std::ifstream(folder / "hidden_states.json"))),
        ids(expected.at("token_ids")) {}

  std::filesystem::path folder;
  Architecture architecture;
  SafetensorsFile file;
  NamedTensors tensors;
  json expected;
  std::vector<std::int64_t> ids;

  // Of the initial tokens, from Transformers'.
  double error(const Architecture& a, const NamedTensors& t) const {
    return testing::difference(passes(ModelWeights::from_tensors(a, t), ids).initial,
                               expected.at("norms"));
  }
};

// Of a table, what these tokens take. Empty bytes: another tensor.
std::vector<std::byte> take_rows(NamedTensor& tensor, std::string_view name,
                                 const std::vector<std::int64_t>& ids) {
  if (!tensor.name.ends_with(name)) return {};
  std::vector<std::byte> bytes;
  const std::int64_t size = tensor.view.row_bytes();
  for (const std::int64_t id : ids) {
    const std::int64_t row = id < tensor.view.shape.front() ? id : 0;
    const std::byte* const from = tensor.view.data + row * size;
    bytes.insert(bytes.end(), from, from + size);
    tensor.row_ids.push_back(row);
  }
  tensor.view.data = bytes.data();
  return bytes;
}

TEST(Gemma, TablesOfTokensMayBeThereInPart) {
  for (const char* name : {"gemma3n_text", "gemma4_text"}) {
    const GemmaModel model(name);
    NamedTensors part = model.tensors;
    std::vector<std::vector<std::byte>> kept;
    for (NamedTensor& tensor : part.tensors) {
      for (const char* table : {"embed_tokens.weight", "embed_tokens_per_layer.weight"}) {
        std::vector<std::byte> rows = take_rows(tensor, table, model.ids);
        if (!rows.empty()) kept.push_back(std::move(rows));
      }
    }
    EXPECT_EQ(kept.size(), 2u);
    EXPECT_LT(model.error(model.architecture, part), 1e-4) << name;
  }
}

TEST(Gemma, TokensBehindATableTakeItsFirstRowWhereTheFamilySaysSo) {
  const GemmaModel model("gemma3n_text");
  EXPECT_GT(*std::ranges::max_element(model.ids), 29) << "an id behind the table is to be probed";
  Architecture strict = model.architecture;
  strict.per_layer_in_part = false;
  EXPECT_THAT([&] { ModelWeights::from_tensors(strict, model.tensors); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("embed_tokens_per_layer.weight: shape {30, 24} is not that of 24 "
                            "numbers for each of 37 tokens")));
}

TEST(Gemma, ValuesAreThoseOfTheRightBlock) {
  for (const auto& [name, other] : {std::pair("gemma4_text", 1), std::pair("gemma3n_text", 0)}) {
    const GemmaModel model(name);
    for (std::size_t b = 0; b < model.architecture.attention.size(); ++b) {
      const AttentionPlan& plan = model.architecture.attention[b];
      Architecture wrong = model.architecture;
      // Blocks of the two kinds alternate: two before lies another of this one.
      wrong.attention[b].values_of = plan.values_of > 2 ? plan.values_of - 2 : 0;
      if (plan.values_of == 0) continue;
      if (wrong.attention[b].values_of == 0) {
        EXPECT_THAT([&] { ModelWeights::from_tensors(wrong, model.tensors); },
                    ThrowsMessage<std::invalid_argument>(HasSubstr("no parameter for")));
      } else {
        EXPECT_GT(model.error(wrong, model.tensors), 1e-3) << name << " " << b;
      }
    }
    EXPECT_EQ(std::ranges::count_if(model.architecture.attention, &AttentionPlan::keys_are_values),
              other == 1 ? 3 : 0);
  }
}

TEST(Gemma, SaysWhichOfSeveralStreamsIsObserved) {
  EXPECT_THAT(load_hugging_face(GemmaModel("gemma3n_text").folder).warnings(),
              Contains(HasSubstr("of 4 residual streams the first is observed")));
}

TEST(Gemma, BlocksWithoutValuesOfTheirOwnHaveNoLinearApproximation) {
  using Tiny = testing::TinyRandomModel;
  Tiny model("llama");
  model.architecture.blocks.assign(Tiny::blocks,
                                   {{MixerKind::attention}, {MixerKind::feed_forward}});
  model.architecture.attention.assign(Tiny::blocks,
                                      {.kv_heads = Tiny::kv_heads, .head_size = Tiny::head_size});
  model.architecture.attention.back().values_of = 1;
  const ModelWeights weights = model.weights();
  Workers workers;
  EXPECT_EQ(BlockOperator(weights.blocks().front(), {}, workers).why_not(), "");
  EXPECT_EQ(BlockOperator(weights.blocks().back(), {}, workers).why_not(),
            "its values are those of another block");
}

// Where the reason of Gemma's attention does not come first.
TEST(Gemma, WhatStandsInABlockBesideAttentionIsNotTakenForLinear) {
  Workers workers;
  const ModelWeights weights = testing::TinyRandomModel("llama").weights();
  const auto why_not = [&](const auto& change) {
    BlockWeights block = weights.blocks().front();
    change(block);
    return BlockOperator(block, {}, workers).why_not();
  };
  const auto ffn = [](BlockWeights& block) -> FeedForward& {
    return std::get<FeedForward>(block.mixers.back().work);
  };
  EXPECT_EQ(why_not([&](BlockWeights& block) { ffn(block).gate_cut = 0.5; }),
            "its FFN cuts its gate");
  EXPECT_EQ(why_not([](BlockWeights& block) { block.mixers.back().stream_scale = 2; }),
            "what it leaves is scaled");
  EXPECT_EQ(why_not([](BlockWeights& block) { block.mixers.back().work = PerLayerInput{}; }),
            "each token has an input of its own");
  EXPECT_EQ(why_not([](BlockWeights& block) { block.mixers.back().work = LowRankResidual{}; }),
            "a norm stands within its low-rank residual");
  EXPECT_EQ(why_not([](BlockWeights& block) {
              Experts mixture;
              mixture.norms.shared_output.kind = NormKind::rms;
              block.mixers.back().work = mixture;
            }),
            "norms stand within its mixture");
  EXPECT_EQ(why_not([](BlockWeights& block) { block.streams.emplace(); }),
            "there are several residual streams");
}

// What published files of Gemma hold in blocks that read another's values.
TEST(Gemma, UnusedValuesOfSharingBlocksChangeNothing) {
  const GemmaModel model("gemma3n_text");
  NamedTensors more = model.tensors;
  for (const NamedTensor& tensor : model.tensors.tensors) {
    if (tensor.name.find("layers.0.self_attn.v_proj") == std::string::npos) continue;
    more.tensors.push_back(tensor);
    more.tensors.back().name.replace(more.tensors.back().name.find("layers.0"), 8, "layers.3");
  }
  ASSERT_EQ(more.tensors.size(), model.tensors.tensors.size() + 1);
  EXPECT_LT(model.error(model.architecture, more), 1e-4);
}

}  // namespace
}  // namespace azimuth
