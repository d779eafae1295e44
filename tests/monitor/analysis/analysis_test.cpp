#include "azimuth/analysis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

#include "azimuth/angle.h"
#include "azimuth/examine.h"
#include "support/cancel_at.h"
#include "support/tiny_llama.h"

namespace azimuth {
namespace {

using testing::CancelAt;
using testing::TinyLlama;

AnalysisOptions probe_of(int tokens = 12) {
  AnalysisOptions options;
  options.token_ids = default_probe(std::vector<std::int64_t>{1}, TinyLlama::vocab, tokens);
  return options;
}

std::vector<float> as_vector(const Eigen::VectorXf& v) { return {v.begin(), v.end()}; }

// A LLaMA's forward pass on one token, written down plainly in float64, independent of the library.
std::vector<Eigen::VectorXd> forward(TinyLlama& model, std::int64_t id, bool with_attention) {
  const auto matrix = [&](const std::string& name) {
    return model.tensor(name).cast<double>().eval();
  };
  const auto rms = [](const Eigen::VectorXd& x, const Eigen::VectorXd& w) {
    return (x.array() / std::sqrt(x.squaredNorm() / static_cast<double>(x.size()) + 1e-5) *
            w.array())
        .matrix()
        .eval();
  };
  Eigen::VectorXd x = matrix("model.embed_tokens.weight").row(id).transpose();
  std::vector<Eigen::VectorXd> states = {x};
  constexpr int head = TinyLlama::hidden / TinyLlama::heads;
  for (int b = 1; b <= model.blocks; ++b) {
    const auto at = [&](const char* name) { return matrix(TinyLlama::in_block(b, name)); };
    if (with_attention) {
      const Eigen::VectorXd v =
          at("self_attn.v_proj.weight") * rms(x, at("input_layernorm.weight"));
      Eigen::VectorXd repeated(TinyLlama::hidden);
      for (int i = 0; i < TinyLlama::hidden; ++i) {
        const int kv_head = i / head / (TinyLlama::heads / TinyLlama::kv_heads);
        repeated[i] = v[kv_head * head + i % head];
      }
      x += at("self_attn.o_proj.weight") * repeated;
    }
    const Eigen::VectorXd z = rms(x, at("post_attention_layernorm.weight"));
    const Eigen::ArrayXd gate = (at("mlp.gate_proj.weight") * z).array();
    const Eigen::ArrayXd up = (at("mlp.up_proj.weight") * z).array();
    x += at("mlp.down_proj.weight") * (gate / (1 + (-gate).exp()) * up).matrix();
    states.push_back(x);
  }
  return states;
}

TEST(SingleTokenPass, AgreesWithAPlainForwardPass) {
  TinyLlama model;
  const ModelWeights weights = model.weights();
  const std::vector<std::int64_t> ids = {1, 5, 63};
  Workers workers;
  const auto in_float = single_token_pass<float>(weights, ids, workers);
  const auto in_double = single_token_pass<double>(weights, ids, workers);
  for (std::size_t t = 0; t < ids.size(); ++t) {
    const auto initial = forward(model, ids[t], true);
    const auto alone = forward(model, ids[t], false);
    ASSERT_EQ(in_float.initial.size(), initial.size());
    for (std::size_t l = 0; l < initial.size(); ++l) {
      const auto column = static_cast<Eigen::Index>(t);
      const double norm = initial[l].norm();
      EXPECT_LT((in_float.initial[l].col(column).cast<double>() - initial[l]).norm(), 1e-4 * norm);
      EXPECT_LT((in_double.initial[l].col(column) - initial[l]).norm(), 1e-12 * norm);
      EXPECT_NEAR(in_float.zero_attention_norms[l][column], alone[l].norm(),
                  1e-4 * alone[l].norm());
      EXPECT_NEAR(in_double.zero_attention_norms[l][column], alone[l].norm(),
                  1e-11 * alone[l].norm());
    }
  }
}

TEST(Analysis, FindsAPlantedDirection) {
  TinyLlama model;
  Workers workers;
  const Observation o = analyse(model.weights(), probe_of(), workers);
  ASSERT_EQ(o.stages.size(), 1u);
  const StageObservation& stage = o.stages[0];
  EXPECT_LT(angle_degrees(stage.direction, as_vector(model.direction)), 2.0);
  EXPECT_EQ(stage.first_block, 2);
  ASSERT_EQ(stage.explosion_blocks.size(), 1u);
  EXPECT_EQ(stage.explosion_blocks[0].block, 2);
  ASSERT_EQ(stage.decay_blocks.size(), 1u);
  EXPECT_EQ(stage.decay_blocks[0].block, model.blocks);
  EXPECT_GT(stage.concentration, 0.99);
  EXPECT_EQ(o.primary_stage, 0);
  EXPECT_FALSE(o.provisional);
  EXPECT_EQ(o.probe.high_norm_token_ids, o.probe.token_ids);
  EXPECT_EQ(o.probe.special_token_ids, std::vector<std::int64_t>{1});
  EXPECT_EQ(o.blocks[1].stage, -1);
  EXPECT_EQ(o.blocks[4].stage, 0);
  EXPECT_NEAR(o.blocks[5].gain, o.blocks[5].growth - 1, 0.05) << "a decay along the direction";
  double norm = 0;
  for (float u : o.direction) norm += static_cast<double>(u) * u;
  EXPECT_NEAR(norm, 1, 1e-6);
}

TEST(Analysis, GivesAProvisionalDirectionOfAYoungModel) {
  TinyLlama model(10);
  Workers workers;
  const Observation o = analyse(model.weights(), probe_of(), workers);
  EXPECT_TRUE(o.provisional);
  EXPECT_TRUE(o.stages.empty());
  EXPECT_EQ(o.primary_stage, -1);
  EXPECT_LT(angle_degrees(o.direction, as_vector(model.direction)), 20);
  for (const BlockObservation& block : o.blocks) {
    EXPECT_EQ(block.high_norm_count, 0);
    EXPECT_EQ(block.stage, -1);
  }
}

TEST(Analysis, FindsNothingWhereNothingIs) {
  TinyLlama model(0);
  Workers workers;
  const Observation o = analyse(model.weights(), probe_of(), workers);
  EXPECT_TRUE(o.direction.empty());
  EXPECT_TRUE(o.stages.empty());
  EXPECT_FALSE(o.provisional);
}

TEST(Analysis, VocabularyPassFindsEveryTokenThatTheProbeWould) {
  TinyLlama model;
  Workers workers(2);
  const ModelWeights weights = model.weights();
  AnalysisOptions options = probe_of();
  options.token_ids.resize(TinyLlama::vocab);
  std::iota(options.token_ids.begin(), options.token_ids.end(), 0);
  AnalysisTrail trail;
  const Observation o = analyse(weights, options, workers, &trail);
  constexpr double threshold = 1.3;
  std::vector<std::pair<double, std::int64_t>> expected;
  for (Eigen::Index id = 0; id < TinyLlama::vocab; ++id) {
    double ratio = 0;
    for (std::size_t l = 1; l < o.blocks.size(); ++l) {
      ratio =
          std::max(ratio, trail.states.zero_attention_norms[l][id] / o.blocks[l].reference_norm);
    }
    if (ratio >= threshold) expected.emplace_back(-ratio, id);
  }
  std::ranges::sort(expected);
  ASSERT_GT(expected.size(), 2u);
  ASSERT_LT(expected.size(), static_cast<std::size_t>(TinyLlama::vocab));
  const VocabularyPass found = vocabulary_pass(weights, o, threshold, workers);
  ASSERT_EQ(found.ratio.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(found.exploding_token_ids[i], expected[i].second);
    EXPECT_NEAR(found.ratio[i], -expected[i].first, 1e-5);
  }
}

TEST(Analysis, KeepsAHighNormTokenDownTo80PercentOfTheThreshold) {
  TinyLlama strong;
  Workers workers;
  AnalysisOptions options = probe_of();
  AnalysisTrail trail;
  const Observation first = analyse(strong.weights(), options, workers, &trail);
  const double peak = first.stages[0].peak_ratio;
  // Thresholds chosen about this model's ratios, rather than a model about the thresholds.
  options.thresholds.high_norm_ratio = 1.05 * peak;
  EXPECT_TRUE(analyse(strong.weights(), options, workers).stages.empty());
  options.previous_high_norm_tokens = trail.high_norm_tokens;
  EXPECT_EQ(analyse(strong.weights(), options, workers).stages.size(), 1u);
  options.thresholds.high_norm_ratio = 1.3 * peak;
  EXPECT_TRUE(analyse(strong.weights(), options, workers).stages.empty());
}

TEST(Analysis, TakesActivationNormsAsReference) {
  TinyLlama model;
  Workers workers;
  AnalysisOptions options = probe_of();
  options.activation_norms.assign(static_cast<std::size_t>(model.blocks) + 1, 1000.0);
  AnalysisTrail trail;
  const Observation o = analyse(model.weights(), options, workers, &trail);
  EXPECT_EQ(o.probe.reference, ReferenceNorm::activations);
  EXPECT_EQ(o.blocks[2].reference_norm, 1000.0);
  EXPECT_DOUBLE_EQ(o.blocks[2].ratio_max, *std::ranges::max_element(o.blocks[2].norms) / 1000.0);
  // What is high-norm is what the weights alone say.
  const Observation weights_alone = analyse(model.weights(), probe_of(), workers);
  ASSERT_EQ(o.stages.size(), weights_alone.stages.size());
  EXPECT_EQ(o.direction, weights_alone.direction);
  EXPECT_EQ(trail.peak_ratio, peak_ratio(weights_alone));
  EXPECT_LT(o.stages[0].peak_ratio, weights_alone.stages[0].peak_ratio);
}

TEST(Analysis, StopsWhenCancelled) {
  TinyLlama model;
  Workers workers;
  CancelAt third(3);
  EXPECT_THROW(analyse(model.weights(), probe_of(), workers, nullptr, &third), Cancelled);
  EXPECT_EQ(third.asked(), 3);
}

// ---- noise floor

// The same model with its weights rounded to BF16, stored as such.
NamedTensors rounded_to_bf16(const TinyLlama& model) {
  NamedTensors tensors = model.named_tensors();
  auto storage = std::make_shared<std::vector<std::vector<std::uint16_t>>>();
  for (NamedTensor& tensor : tensors.tensors) {
    std::vector<std::uint16_t> halves;
    const auto* values = reinterpret_cast<const float*>(tensor.view.data);
    for (std::int64_t i = 0; i < tensor.view.size(); ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(values[i]);
      halves.push_back(static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16));
    }
    storage->push_back(std::move(halves));
    tensor.view.type = StoredType::bf16;
    tensor.view.data = reinterpret_cast<const std::byte*>(storage->back().data());
  }
  tensors.storage = storage;
  return tensors;
}

TEST(NoiseFloor, LiesAboveRoundingAndBelowAPlantedTurn) {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    TinyLlama model(1000, seed);
    Workers workers;
    const ExamineOptions options = {.analysis = probe_of(), .spectral = false};
    const Signature exact = examine(model.weights(), options, workers).signature();
    const Signature rounded =
        examine(ModelWeights::from_tensors(TinyLlama::architecture(), rounded_to_bf16(model)),
                options, workers)
            .signature();
    const double floor = std::max(exact.noise_floor_degrees, rounded.noise_floor_degrees);
    EXPECT_GT(rounded.noise_floor_degrees, 10 * exact.noise_floor_degrees);
    EXPECT_LT(angle_degrees(exact.direction, rounded.direction), floor) << "seed " << seed;

    model.turn(3 * floor);
    const Signature turned = examine(model.weights(), options, workers).signature();
    EXPECT_GT(angle_degrees(turned.direction, rounded.direction), floor) << "seed " << seed;
  }
}

TEST(NoiseFloor, OfAProvisionalDirectionIsThatOfRounding) {
  TinyLlama model(10);
  Workers workers;
  AnalysisOptions options = probe_of();
  // A threshold just above the last block, which would count if one side were taken lower.
  options.thresholds.emerging_ratio =
      1.05 * analyse(model.weights(), options, workers).blocks.back().ratio_max;
  const Observation o = analyse(model.weights(), options, workers);
  ASSERT_TRUE(o.provisional);
  EXPECT_LT(noise_floor_degrees(model.weights(), o, options, workers), 0.01);
}

// ---- the probe

TEST(DefaultProbe, HoldsTheSpecialIdsThenEvenlySpreadOnes) {
  const auto ids = default_probe(std::vector<std::int64_t>{2, 0, 2, 500}, 100, 12);
  EXPECT_EQ(ids.size(), 12u);
  EXPECT_EQ(ids[0], 2);
  EXPECT_EQ(ids[1], 0);
  for (std::size_t i = 3; i < ids.size(); ++i) EXPECT_EQ(ids[i] - ids[i - 1], 10);
}

TEST(DefaultProbe, TakesTheFirstEightIdsWhereNoneIsSpecial) {
  const auto ids = default_probe({}, 1000, 10);
  ASSERT_EQ(ids.size(), 10u);
  for (std::int64_t i = 0; i < 8; ++i) EXPECT_EQ(ids[static_cast<std::size_t>(i)], i);
}

}  // namespace
}  // namespace azimuth
