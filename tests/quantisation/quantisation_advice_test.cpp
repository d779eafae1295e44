// Scores against Transformers' own forward pass: tests/data/quantisation/scores.py says how they
// were made.

#include "azimuth/quantisation_advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "azimuth/examine.h"
#include "azimuth/gguf_model.h"
#include "azimuth/hugging_face_folder.h"
#include "support/architecture_cases.h"
#include "support/cancel_at.h"
#include "support/expect_relative.h"
#include "support/smollm2.h"
#include "support/tiny_llama.h"

namespace azimuth {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using testing::expect_relative;
using ::testing::HasSubstr;
using testing::kData;
using testing::TinyLlama;

Observation observation_of(const ModelWeights& weights, Workers& workers) {
  ExamineOptions options;
  options.spectral = options.noise_floor = options.digest = false;
  return examine(weights, options, workers).observation;
}

QuantisationAdvice advice_of(const ModelWeights& weights, const AdviceOptions& options = {}) {
  Workers workers(2);
  return advise(weights, observation_of(weights, workers), options, workers);
}

std::vector<std::int32_t> ranked_blocks(const QuantisationAdvice& advice) {
  std::vector<std::int32_t> blocks;
  for (const DownProjection& one : advice.projections) blocks.push_back(one.block);
  return blocks;
}

const DownProjection& at(const QuantisationAdvice& advice, std::int32_t block,
                         Role role = Role::down_weight) {
  for (const DownProjection& one : advice.projections) {
    if (one.block == block && one.role == role) return one;
  }
  throw std::out_of_range("no down projection of block " + std::to_string(block));
}

const json& expected_scores() {
  static const json all = json::parse(std::ifstream(AZIMUTH_TEST_DATA "/quantisation/scores.json"));
  return all;
}

std::vector<std::string> scored_cases() {
  std::vector<std::string> names;
  for (const auto& [name, _] : expected_scores().items()) names.push_back(name);
  return names;
}

class ScoredModel : public ::testing::TestWithParam<std::string> {};

TEST_P(ScoredModel, ScoresAreThoseOfTransformers) {
  const json& expected = expected_scores().at(GetParam());
  const AdviceOptions options = {.first_token_ids = expected.at("first_token_ids")};
  const QuantisationAdvice advice = advice_of(load_hugging_face(kData / GetParam()), options);
  EXPECT_EQ(advice.first_token_ids, options.first_token_ids);
  ASSERT_EQ(advice.projections.size(), expected.at("projections").size());
  double total = 0;
  for (const json& one : expected.at("projections")) {
    const DownProjection& found =
        at(advice, one.at("block"), role_named(one.at("role").get<std::string>()));
    const std::string what = "block " + std::to_string(found.block);
    EXPECT_EQ(found.experts, one.at("experts")) << what;
    expect_relative(found.score, one.at("score"), 0.02, what + " score");
    total += one.at("score").get<double>();
    EXPECT_EQ(found.expert, one.at("expert")) << what;
    expect_relative(found.first_peak, one.at("first_peak"), 1e-3, what + " first peak");
    expect_relative(found.others_peak, one.at("others_peak"), 1e-3, what + " others' peak");
    expect_relative(found.typical, one.at("typical"), 1e-3, what + " typical");
    expect_relative(found.outlier_ratio,
                    std::max(found.first_peak, found.others_peak) / found.typical, 1e-6, what);
  }
  expect_relative(advice.total_score, total, 0.02, "sum");
}

INSTANTIATE_TEST_SUITE_P(Families, ScoredModel, ::testing::ValuesIn(scored_cases()),
                         [](const auto& test) { return test.param; });

// Blocks without an FFN have no score, all others have.
class AdvisedModel : public ::testing::TestWithParam<std::string> {};

TEST_P(AdvisedModel, EveryFfnHasAScore) {
  const ModelWeights weights = load_hugging_face(kData / GetParam());
  const QuantisationAdvice advice = advice_of(weights);
  std::int32_t number = 0;
  std::size_t expected = 0;
  for (const BlockWeights& block : weights.blocks()) {
    ++number;
    for (const Mixer& mixer : block.mixers) {
      const auto* mixture = std::get_if<Experts>(&mixer.work);
      if (mixture == nullptr && !std::holds_alternative<FeedForward>(mixer.work)) continue;
      expected += mixture != nullptr && mixture->shared ? 2 : 1;
      const DownProjection& found = at(advice, number);
      EXPECT_GT(found.score, 0) << number;
      EXPECT_GT(found.outlier_ratio, 1) << number;
    }
  }
  EXPECT_GT(expected, 0u);
  EXPECT_EQ(advice.projections.size(), expected);
}

INSTANTIATE_TEST_SUITE_P(All, AdvisedModel, ::testing::ValuesIn(testing::cases()),
                         [](const auto& test) { return test.param; });

// Blocks 2 and 4 hold what was planted, in the order of the independent scores.
TEST(QuantisationAdvice, KeepsTheFewestThatHaveMostOfTheNoise) {
  const QuantisationAdvice advice = advice_of(load_hugging_face(kData / "llama"));
  EXPECT_THAT(ranked_blocks(advice), ElementsAre(4, 2, 1, 3));
  EXPECT_THAT(advice.nothing_to_keep, "");
  EXPECT_EQ(advice.kept(), 1);
  std::int32_t rank = 0;
  for (const DownProjection& one : advice.projections) {
    EXPECT_EQ(one.rank, ++rank);
    EXPECT_EQ(one.kept, rank == 1);
    EXPECT_EQ(one.explosion_block, one.block == 2);
    EXPECT_EQ(one.decay_block, one.block == 4);
    EXPECT_EQ(one.parameters, 24 * 40);
    EXPECT_EQ(one.kept_as, StoredType::f32);
    EXPECT_EQ(one.extra_bytes, 3 * 24 * 40);
    EXPECT_EQ(one.expert, -1);
  }
  EXPECT_EQ(advice.kept_parameters(), 24 * 40);
  EXPECT_EQ(advice.kept_extra_bytes(), 3 * 24 * 40);
}

TEST(QuantisationAdvice, CountsTheExpertsOfAMixtureTogether) {
  const QuantisationAdvice advice = advice_of(load_hugging_face(kData / "mixtral"));
  ASSERT_EQ(advice.projections.size(), 3u);
  for (const DownProjection& one : advice.projections) {
    EXPECT_EQ(one.experts, 4);
    EXPECT_EQ(one.parameters, 4 * 24 * 20);
    EXPECT_GE(one.expert, 0);
    EXPECT_LT(one.expert, 4);
  }
}

TEST(QuantisationAdvice, StoredTypesSayWhatKeepingTakes) {
  // bfloat16 and float16.
  const QuantisationAdvice qwen2 = advice_of(load_hugging_face(kData / "qwen2"));
  EXPECT_EQ(at(qwen2, 1).kept_as, StoredType::bf16);
  EXPECT_EQ(at(qwen2, 1).extra_bytes, 24 * 40);
  const QuantisationAdvice phi = advice_of(load_hugging_face(kData / "phi"));
  EXPECT_EQ(at(phi, 1).kept_as, StoredType::f16);
  EXPECT_EQ(at(phi, 1).extra_bytes, 32 * 40);
}

TEST(QuantisationAdvice, BeginsWithTheBosIfItExplodes) {
  EXPECT_THAT(advice_of(TinyLlama().weights()).first_token_ids, ElementsAre(1));
  // Nothing explodes: three ids spread over a vocabulary of 64.
  EXPECT_THAT(advice_of(TinyLlama(0).weights()).first_token_ids, ElementsAre(10, 32, 53));
}

// As Qwen's: the BOS does not explode, another special token does.
TEST(QuantisationAdvice, DoesNotBeginWithAnotherSpecialToken) {
  const ModelWeights weights = TinyLlama().weights();
  Workers workers;
  Observation observation = observation_of(weights, workers);
  observation.probe.special_token_ids = {5, 1};
  std::erase(observation.probe.high_norm_token_ids, 5);
  EXPECT_THAT(advise(weights, observation, {}, workers).first_token_ids, ElementsAre(10, 32, 53));
}

TEST(QuantisationAdvice, SaysThatThereIsNothingToKeep) {
  const QuantisationAdvice advice = advice_of(load_hugging_face(kData / "opt"));
  EXPECT_EQ(advice.nothing_to_keep, "int8 costs next to nothing in any down projection");
  EXPECT_LT(advice.total_score, 0.02);
  EXPECT_GT(advice.total_score, 0);
  EXPECT_EQ(advice.kept(), 0);
  EXPECT_EQ(advice.projections.size(), 3u);
}

// The same outlier in every block.
TEST(QuantisationAdvice, SaysThatNoSmallSetHelps) {
  TinyLlama model(0);
  for (int block = 1; block <= model.blocks; ++block) {
    const auto name = [&](const char* part) { return TinyLlama::in_block(block, part); };
    // A neuron that is large for all tokens, and writes nothing, beside others that write much.
    model.tensor(name("mlp.gate_proj.weight")).row(5).setZero();
    model.tensor(name("mlp.gate_proj.weight"))(5, 0) = 20;
    model.tensor(name("mlp.up_proj.weight")).row(5) =
        model.tensor(name("mlp.gate_proj.weight")).row(5);
    model.tensor(name("mlp.down_proj.weight")) *= 40;
    model.tensor(name("mlp.down_proj.weight")).col(5).setZero();
  }
  const QuantisationAdvice advice = advice_of(model.weights());
  EXPECT_THAT(advice.nothing_to_keep, HasSubstr("no small set of down projections helps: "));
  EXPECT_THAT(advice.nothing_to_keep, HasSubstr(" of 5 have 90% of the noise"));
  EXPECT_GT(advice.total_score, 0.02);
  EXPECT_EQ(advice.kept(), 0);
}

TEST(QuantisationAdvice, HiddenStatesThatAreNotFiniteGiveNoScores) {
  TinyLlama model;
  model.tensor(TinyLlama::in_block(3, "mlp.up_proj.weight"))(2, 2) =
      std::numeric_limits<float>::quiet_NaN();
  const QuantisationAdvice advice = advice_of(model.weights());
  EXPECT_THAT(advice.projections, ::testing::IsEmpty());
  EXPECT_EQ(advice.nothing_to_keep, "hidden states are not finite from block 3 on");
}

// A matrix whose largest numbers meet zeros, of inputs whose largest numbers meet zeros: the
// product is small, and that of the two scales overflows.
TEST(QuantisationAdvice, ScalesThatOverflowGiveNoScores) {
  TinyLlama model;
  const auto name = [](const char* part) { return TinyLlama::in_block(4, part); };
  model.tensor(name("mlp.gate_proj.weight")).row(5).setZero();
  model.tensor(name("mlp.down_proj.weight")).col(5).setConstant(1e30f);
  model.tensor(name("mlp.up_proj.weight")).row(6) *= 1e25f;
  model.tensor(name("mlp.down_proj.weight")).col(6).setZero();
  const QuantisationAdvice advice = advice_of(model.weights());
  EXPECT_THAT(advice.projections, ::testing::IsEmpty());
  EXPECT_EQ(advice.nothing_to_keep, "what int8 leaves of block 4 is not finite");
}

TEST(QuantisationAdvice, MatricesOfZerosCostNothing) {
  TinyLlama model;
  for (int block = 1; block <= model.blocks; ++block) {
    model.tensor(TinyLlama::in_block(block, "mlp.down_proj.weight")).setZero();
    model.tensor(TinyLlama::in_block(block, "mlp.up_proj.weight")).setZero();
  }
  model.tensor("model.embed_tokens.weight").row(20).setZero();  // and stays so to the end
  const QuantisationAdvice advice = advice_of(model.weights());
  EXPECT_EQ(advice.projections.size(), 5u);
  EXPECT_EQ(advice.total_score, 0);
  EXPECT_EQ(advice.nothing_to_keep, "int8 costs next to nothing in any down projection");
}

TEST(QuantisationAdvice, RefusesAnIdOutsideTheVocabulary) {
  const ModelWeights weights = TinyLlama().weights();
  EXPECT_THROW(advice_of(weights, {.first_token_ids = {64}}), std::out_of_range);
}

TEST(QuantisationAdvice, IsAPartABlockAndStopsWhenAsked) {
  const ModelWeights weights = TinyLlama().weights();
  Workers workers;
  const Observation observation = observation_of(weights, workers);
  testing::CancelAt never(100);
  advise(weights, observation, {}, workers, &never);
  EXPECT_EQ(never.asked(), 5);
  testing::CancelAt third(3);
  EXPECT_THROW(advise(weights, observation, {}, workers, &third), Cancelled);
}

TEST(QuantisationAdvice, DoesNotDependOnTheNumberOfThreads) {
  const ModelWeights weights = load_hugging_face(kData / "llama");
  Workers one(1);
  Workers three(3);
  const Observation observation = observation_of(weights, one);
  const QuantisationAdvice a = advise(weights, observation, {}, one);
  const QuantisationAdvice b = advise(weights, observation, {}, three);
  for (std::size_t i = 0; i < a.projections.size(); ++i) {
    EXPECT_EQ(a.projections[i].score, b.projections[i].score) << i;
  }
}

// By an independent program on the same model in float32, with int8 in each of 30 down projections
// by itself.
TEST(SmolLm2Advice, RanksAsAnIndependentProgramDoes) {
  const QuantisationAdvice advice = advice_of(load_gguf(testing::smollm2_path()));
  EXPECT_THAT(advice.first_token_ids, ElementsAre(1));
  std::vector<std::int32_t> blocks = ranked_blocks(advice);
  ASSERT_EQ(blocks.size(), 30u);
  blocks.resize(10);
  EXPECT_THAT(blocks, ElementsAre(29, 12, 10, 2, 30, 3, 11, 28, 9, 1));
  EXPECT_EQ(advice.kept(), 7);
  const json expected =
      json::parse(std::ifstream(AZIMUTH_TEST_DATA "/quantisation/smollm2-135m.json"));
  for (const json& one : expected.at("projections")) {
    const DownProjection& found = at(advice, one.at("block"));
    const std::string what = "block " + std::to_string(found.block);
    expect_relative(found.score, one.at("score"), 0.02, what);
    expect_relative(found.first_peak, one.at("first_peak"), 1e-3, what + " first peak");
    expect_relative(found.others_peak, one.at("others_peak"), 1e-3, what + " others' peak");
    expect_relative(found.typical, one.at("typical"), 1e-3, what + " typical");
  }
}

}  // namespace
}  // namespace azimuth
