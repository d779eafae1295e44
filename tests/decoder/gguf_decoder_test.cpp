// A GGUF file gives the logits of the model that it was made from, which decoder_test.cpp holds to
// Transformers'. The files have its first blocks, and say less of it: what they leave to the reader
// is set in the model, as far as llama.cpp's readers know it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>

#include "azimuth/gguf_file.h"
#include "azimuth/gguf_model.h"
#include "azimuth/hugging_face_config.h"
#include "azimuth/token_ids.h"
#include "logits_case.h"
#include "support/one_token_norms.h"
#include "support/smollm2.h"
#include "support/temporary_folder.h"

namespace azimuth {
namespace {

const std::filesystem::path kGguf = AZIMUTH_TEST_DATA "/gguf";

// Blocks whose kind no file says are as the first is.
void all_like_first(Sequences& s) {
  for (AttentionReach& reach : s.attention) reach = s.attention.front();
}

void two_turn(Sequences& s) { s.attention.front().rotary->size = 2; }

struct Known {
  const char* model = nullptr;  ///< null: that of the file's name
  void (*change)(Sequences& sequences) = [](Sequences&) {};
  double tolerance = 1e-5;
  std::uint32_t turning = 0;  ///< what the file should say of its heads; 0: what it says
};

const std::map<std::string, Known> kKnown = {
    {"cohere2", {.change = all_like_first}},
    {"exaone4",
     {.change =
          [](Sequences& s) {
            all_like_first(s);
            for (AttentionReach& reach : s.attention) reach.window = 0;
          }}},
    {"gemma2", {.change = [](Sequences& s) { s.attention_scale = 0; }}},
    {"gemma3_text",
     {.change =
          [](Sequences& s) {
            all_like_first(s);
            s.attention_scale = 0;
          }}},
    // Their converters make what turns of hidden_size / heads, not of the head's size; where they
    // permute rows, that is another model.
    {"glm", {.change = two_turn}},
    {"granite", {.turning = 8}},
    {"granitemoe", {.turning = 6}},
    {"granitemoeshared", {.turning = 6}},
    {"nemotron", {.change = two_turn}},
    {"gpt_neox_sequential", {.tolerance = 1e-2}},  // another activation
    {"llama_fused", {.model = "llama_biases"}},
    {"phi", {.change = [](Sequences& s) { s.query_norms = false; }}},
    {"qwen3_split-00001-of-00004", {.model = "qwen3"}},
    {"smollm3", {.change = all_like_first}},
    {"starcoder2", {.change = [](Sequences& s) { s.attention.front().window = 0; }}},
};

std::vector<std::string> runnable() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGguf)) {
    const std::string name = entry.path().stem();
    const bool later = name.find("-of-") != std::string::npos && !kKnown.contains(name);
    if (entry.path().extension() != ".gguf" || name == "stored_types" || name == "gpt_oss_mxfp4" ||
        later) {
      continue;
    }
    if (architecture_from_gguf(GgufFile::open(entry.path())).sequences.unknown.empty()) {
      names.push_back(name);
    }
  }
  std::ranges::sort(names);
  return names;
}

// Its first blocks.
ModelWeights model_of(const std::string& name, const Known& known, std::size_t blocks) {
  const auto folder = std::filesystem::path(AZIMUTH_TEST_DATA "/architectures") / name;
  testing::StoredModel model = testing::stored_model(folder);
  Architecture& a = model.architecture;
  known.change(a.sequences);
  if (a.sequences.attention.size() > 1) a.sequences.attention.resize(blocks);
  if (!a.blocks.empty()) a.blocks.resize(blocks);
  std::vector<std::string> left_out;
  for (const NamedTensor& tensor : model.tensors.tensors) {
    const auto place = role_of(a, tensor.name);
    if (!place) continue;
    const bool norm = place->role == Role::query_norm_weight ||
                      place->role == Role::query_norm_bias ||
                      place->role == Role::key_norm_weight || place->role == Role::key_norm_bias;
    if (place->block > static_cast<std::int64_t>(blocks) || (norm && !a.sequences.query_norms)) {
      left_out.push_back(tensor.name);
    }
  }
  std::erase_if(model.tensors.tensors, [&](const NamedTensor& tensor) {
    return std::ranges::count(left_out, tensor.name) > 0;
  });
  return ModelWeights::from_tensors(a, model.tensors);
}

/// A copy of the file that says of how many numbers of a head turn.
std::filesystem::path with_turning(const std::filesystem::path& file, std::uint32_t turning,
                                   const std::filesystem::path& folder) {
  constexpr std::string_view key = ".rope.dimension_count";
  constexpr std::size_t type = 4;  // what stands between a key and its number
  const std::filesystem::path copy = folder / "turning.gguf";
  std::filesystem::copy_file(file, copy);
  std::fstream stream(copy, std::ios::binary | std::ios::in | std::ios::out);
  const std::string bytes(std::istreambuf_iterator<char>(stream), {});
  const std::size_t at = bytes.find(key) + key.size() + type;
  stream.seekp(static_cast<std::streamoff>(at));
  stream.write(reinterpret_cast<const char*>(&turning), sizeof turning);
  return copy;
}

class GgufDecoder : public ::testing::TestWithParam<std::string> {};

TEST_P(GgufDecoder, LogitsAreThoseOfTheModel) {
  const torch::NoGradGuard no_grad;
  const auto found = kKnown.find(GetParam());
  const Known known = found == kKnown.end() ? Known{} : found->second;
  const testing::TemporaryFolder folder;
  std::filesystem::path file = kGguf / (GetParam() + ".gguf");
  if (known.turning > 0) file = with_turning(file, known.turning, folder.path());
  const ModelWeights gguf = load_gguf(file);
  const ModelWeights model =
      model_of(known.model == nullptr ? GetParam() : known.model, known, gguf.blocks().size());
  const std::int64_t vocab = std::min(gguf.vocab_size(), model.vocab_size());
  const torch::Tensor ids =
      (torch::arange(16, torch::kInt64) * 7 + 3).remainder(vocab).view({1, -1});
  const auto logits = [&](const ModelWeights& weights) {
    return Decoder(weights, at::kCPU, torch::kFloat64).forward(ids).narrow(-1, 0, vocab);
  };
  const torch::Tensor expected = logits(model);
  EXPECT_LE(((logits(gguf) - expected).abs().max() / expected.abs().max()).item<double>(),
            known.tolerance);
}

INSTANTIATE_TEST_SUITE_P(Converted, GgufDecoder, ::testing::ValuesIn(runnable()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(GgufDecoders, MostFilesRun) { EXPECT_GE(runnable().size(), 48u); }

TEST(GgufDecoders, OthersAreRefusedByName) {
  EXPECT_THAT(Decoder::why_not(load_gguf(kGguf / "bamba.gguf")),
              ::testing::HasSubstr("how GGUF's granitehybrid reads sequences is not known"));
}

// The real model, on real text.
TEST(Smollm2Decoder, LogitsAgreeWithTransformers) {
  const torch::NoGradGuard no_grad;
  const auto expected = nlohmann::json::parse(std::ifstream(EXPECTED_LOGITS));
  const auto count = expected.at("tokens").get<std::size_t>();
  std::vector<std::int64_t> ids = read_token_ids(OPTICKS_IDS).ids;
  ids.resize(count);
  const Decoder decoder(load_gguf(testing::smollm2_path()), at::kCPU, torch::kFloat32);
  const torch::Tensor logits = decoder.forward(torch::tensor(ids, torch::kInt64).unsqueeze(0))[0];
  ASSERT_EQ(expected.at("positions").size(), 5u);
  for (const auto& at : expected.at("positions")) {
    const torch::Tensor here = logits[at.at("position").get<std::int64_t>()];
    for (const char* kind : {"top", "fixed"}) {
      const std::vector<std::int64_t> some = at.at(std::string(kind) + "_ids");
      const std::vector<double> values = at.at(std::string(kind) + "_logits");
      ASSERT_EQ(some.size(), values.size());
      const torch::Tensor off = here.index_select(0, torch::tensor(some, torch::kInt64)) -
                                torch::tensor(values, torch::kFloat64);
      EXPECT_LE(off.abs().max().item<double>(), 2e-3) << "position " << at.at("position");
    }
    EXPECT_EQ(here.argmax().item<std::int64_t>(), at.at("top_ids").at(0).get<std::int64_t>());
  }
}

// Each token a sequence of its own: what the single-token pass computes.
TEST(Smollm2Decoder, HiddenStatesOfSingleTokensAreThoseOfThePass) {
  const torch::NoGradGuard no_grad;
  const auto reference = nlohmann::json::parse(std::ifstream(REFERENCE));
  const std::vector<std::int64_t> ids = reference.at("token_ids");
  const ModelWeights weights = load_gguf(testing::smollm2_path());
  testing::Norms norms(31);
  Decoder(weights, at::kCPU, torch::kFloat32)
      .forward(torch::tensor(ids, torch::kInt64).unsqueeze(1),
               [&](std::int64_t block, std::size_t, const torch::Tensor& states) {
                 const torch::Tensor found = states.norm(2, {-1}).to(torch::kFloat64).view({-1});
                 norms.at(static_cast<std::size_t>(block))
                     .assign(found.data_ptr<double>(), found.data_ptr<double>() + found.numel());
               });
  EXPECT_LE(testing::difference(testing::passes(weights, ids).initial, norms), 1e-4);
}

}  // namespace
}  // namespace azimuth
