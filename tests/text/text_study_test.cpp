// Against Transformers' own hidden states: tests/data/text/README.md says how they were made.

#include "azimuth/text_study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numbers>

#include "azimuth/angle.h"
#include "azimuth/examine.h"
#include "azimuth/libtorch.h"
#include "azimuth/monitor.h"
#include "azimuth/open_model.h"
#include "cli/changed_model.h"
#include "support/recording_exporter.h"
#include "support/temporary_folder.h"

namespace azimuth {
namespace {

using nlohmann::json;

constexpr double kTolerance = 2e-5;  // products are float32

/// A planted model of tests/data/text, what its weights say, and what it does on its text.
class Scene {
 private:
  testing::TemporaryFolder folder_;

 public:
  explicit Scene(const std::string& name, bool vocabulary = true)
      : expected(json::parse(testing::contents_of(AZIMUTH_TEST_DATA "/text/" + name + ".json"))),
        weights(open_model(planted(name), {})) {
    Workers workers(1);
    const Examination examined = examine(
        weights, {.vocabulary = vocabulary, .noise_floor = false, .spectral_vectors = &vectors},
        workers);
    observation = examined.observation;
    const Decoder decoder(weights, at::kCPU, at::kFloat);
    TextStudy study({weights, observation, vectors, vocabulary}, workers);
    for (const json& sequence : expected.at("ids")) {
      const std::vector<std::int64_t> ids = sequence;
      study.read(decoder, torch::tensor(ids, torch::kInt64).unsqueeze(0));
    }
    text = study.result();
  }

  json expected;
  ModelWeights weights;
  SpectralVectors vectors;
  Observation observation;
  TextObservation text;

 private:
  std::string planted(const std::string& name) {
    testing::ChangedModel model(AZIMUTH_TEST_DATA "/architectures/" + name, folder_.path() / name);
    const json& changes = expected.at("changes");
    for (const auto& [id, row] : changes.at("rows").items()) {
      const std::size_t first = std::stoul(id) * row.size();
      model.change(changes.at("embedding"), [&](std::size_t i, float old) {
        return i >= first && i < first + row.size() ? row.at(i - first).get<float>() : old;
      });
    }
    const float factor = changes.at("by");
    model.change(changes.at("scaled"), [&](std::size_t, float old) { return factor * old; });
    return model.write();
  }
};

void expect_near(double found, const json& wanted, const std::string& what) {
  if (wanted.is_null()) {
    EXPECT_TRUE(std::isnan(found)) << what << " is " << found;
  } else {
    EXPECT_NEAR(found / wanted.get<double>(), 1, kTolerance) << what;
  }
}

class EveryText : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryText, BlocksAreThoseOfTransformers) {
  const Scene scene(GetParam());
  expect_near(scene.text.perplexity, scene.expected.at("perplexity"), "perplexity");
  const json& blocks = scene.expected.at("blocks");
  ASSERT_EQ(scene.text.blocks.size(), blocks.size());
  std::int64_t high = 0;
  for (std::size_t l = 0; l < blocks.size(); ++l) {
    const TextBlock& block = scene.text.blocks[l];
    const std::string at = " of block " + std::to_string(l);
    EXPECT_EQ(block.block, static_cast<std::int32_t>(l));
    EXPECT_EQ(block.high_norm_initial, blocks[l].at("high_norm_initial")) << at;
    EXPECT_EQ(block.high_norm_others, blocks[l].at("high_norm_others")) << at;
    expect_near(block.reference_norm, blocks[l].at("reference_norm"), "reference" + at);
    expect_near(block.initial_norm, blocks[l].at("initial_norm"), "initial" + at);
    expect_near(block.others_norm, blocks[l].at("others_norm"), "others" + at);
    expect_near(block.growth, blocks[l].at("growth"), "growth" + at);
    high += block.high_norm_others;
  }
  EXPECT_GE(high, 10);
}

TEST_P(EveryText, TokensAreThoseOfTransformers) {
  const Scene scene(GetParam());
  const json& alone = scene.expected.at("alone");
  for (const bool initial : {true, false}) {
    std::map<std::int64_t, TextToken> found;
    for (const TextToken& token : initial ? scene.text.initial_tokens : scene.text.other_tokens) {
      EXPECT_TRUE(found.emplace(token.id, token).second);
    }
    std::size_t listed = 0;
    for (const json& wanted : scene.expected.at(initial ? "initial" : "others")) {
      if (wanted.at("high_norm") == 0) continue;
      ++listed;
      const auto id = wanted.at("id").get<std::size_t>();
      const TextToken token = found[wanted.at("id")];
      const std::string of = " of token " + wanted.at("id").dump();
      EXPECT_EQ(token.occurrences, wanted.at("occurrences")) << of;
      EXPECT_EQ(token.high_norm, wanted.at("high_norm")) << of;
      EXPECT_EQ(token.first_block, wanted.at("first_block")) << of;
      EXPECT_EQ(token.last_block, wanted.at("last_block")) << of;
      EXPECT_EQ(token.explosion_block, wanted.at("explosion_block")) << of;
      expect_near(token.peak_ratio, wanted.at("peak_ratio"), "ratio" + of);
      expect_near(token.response, wanted.at("response"), "response" + of);
      if (initial) {
        EXPECT_TRUE(std::isnan(token.ratio_alone) && std::isnan(token.response_alone));
        continue;
      }
      double ratio = 0;
      for (std::size_t l = 1; l < scene.observation.blocks.size(); ++l) {
        ratio = std::max(ratio, alone.at("norms").at(l).at(id).get<double>() /
                                    scene.observation.blocks[l].reference_norm);
      }
      expect_near(token.ratio_alone, ratio, "ratio alone" + of);
      const auto block = static_cast<std::size_t>(token.explosion_block - 1);
      expect_near(token.response_alone, alone.at("responses").at(block).at(id), "alone" + of);
    }
    EXPECT_EQ(found.size(), listed) << "all that are predicted explode here";
    EXPECT_GE(listed, initial ? 1U : 2U);
  }
}

Eigen::VectorXd sum_of(const json& block) {
  const std::vector<double> numbers = block.at("sum");
  return Eigen::Map<const Eigen::VectorXd>(numbers.data(), std::ssize(numbers));
}

TEST_P(EveryText, DirectionIsTheMeanOfTheStage) {
  const Scene scene(GetParam());
  const json& blocks = scene.expected.at("blocks");
  const Observation& o = scene.observation;
  ASSERT_FALSE(o.stages.empty());
  ASSERT_EQ(scene.text.stages.size(), o.stages.size());
  for (std::size_t s = 0; s < o.stages.size(); ++s) {
    Eigen::VectorXd sum = Eigen::VectorXd::Zero(std::ssize(o.direction));
    double norms = 0;
    std::int64_t states = 0;
    for (std::size_t l = 1; l < o.blocks.size(); ++l) {
      if (o.blocks[l].stage != static_cast<std::int32_t>(s)) continue;
      sum += sum_of(blocks[l]);
      norms += blocks[l].at("norms").get<double>();
      states += blocks[l].at("high_norm_initial").get<std::int64_t>() +
                blocks[l].at("high_norm_others").get<std::int64_t>();
    }
    const TextStage& stage = scene.text.stages[s];
    EXPECT_EQ(stage.states, states);
    if (states == 0) {
      EXPECT_TRUE(stage.direction.empty() && std::isnan(stage.alignment));
      continue;
    }
    EXPECT_LE((to_double(stage.direction) - sum.normalized()).norm(), kTolerance);
    EXPECT_NEAR(stage.alignment, sum.norm() / norms, kTolerance);
    EXPECT_NEAR(stage.angle_to_weights, angle_degrees(sum, to_double(o.stages[s].direction)), 2e-3);
    EXPECT_LE(stage.angle_to_weights, 5) << "text and weights agree";
  }
}

TEST_P(EveryText, AnglesAreToTheVectorsOfTheWeights) {
  const Scene scene(GetParam());
  const Observation& o = scene.observation;
  for (std::size_t l = 1; l < o.blocks.size(); ++l) {
    const std::int32_t own = o.blocks[l].stage;
    const auto s = static_cast<std::size_t>(own < 0 ? o.primary_stage : own);
    const Eigen::VectorXd weights_say = to_double(o.stages[s].direction);
    const Eigen::VectorXd& singular = scene.vectors.singular[l - 1];
    const TextBlock& block = scene.text.blocks[l];
    // The vectors are those whose angles to the weights' own direction are known.
    EXPECT_NEAR(angle_degrees(singular, to_double(o.direction)),
                o.blocks[l].singular.angle_to_primary, 1e-6);
    const Eigen::VectorXd mean = sum_of(scene.expected.at("blocks").at(l));
    if (mean.norm() > 0) {
      EXPECT_NEAR(block.angle_to_weights, angle_degrees(mean, weights_say), 2e-3);
    } else {
      EXPECT_TRUE(std::isnan(block.angle_to_weights));
    }
    const std::vector<float>& direction = scene.text.stages[s].direction;
    if (direction.empty()) continue;
    const Eigen::VectorXd u = to_double(direction).normalized();
    EXPECT_NEAR(block.singular_angle, angle_degrees(u, singular), 1e-4);
    const Eigen::MatrixXd& span = scene.vectors.eigen[l - 1];
    EXPECT_EQ(span.cols() > 0, !std::isnan(o.blocks[l].eigen.angle));
    EXPECT_EQ(span.cols() > 0, !std::isnan(block.eigen_angle));
    if (span.cols() == 0) continue;
    const auto to_span = [&](const Eigen::VectorXd& v) {
      return std::acos(std::min((span.transpose() * v.normalized()).norm(), 1.0)) * 180 /
             std::numbers::pi;
    };
    EXPECT_NEAR(to_span(weights_say), o.blocks[l].eigen.angle, 1e-4);
    EXPECT_NEAR(block.eigen_angle, to_span(u), 1e-4);
  }
}

TEST_P(EveryText, PredictionsAreCounted) {
  const Scene scene(GetParam());
  const json& alone = scene.expected.at("alone").at("norms");
  const auto predicted = [&](std::size_t id) {
    for (std::size_t l = 1; l < scene.observation.blocks.size(); ++l) {
      const double reference = scene.observation.blocks[l].reference_norm;
      if (alone.at(l).at(id).get<double>() >= 10 * reference) return true;
    }
    return false;
  };
  TextPrediction types, occurrences;
  for (const json& token : scene.expected.at("others")) {
    const bool expected = predicted(token.at("id"));
    const std::int64_t high = token.at("high_norm");
    types.predicted += expected ? 1 : 0;
    types.exploded += high > 0 ? 1 : 0;
    types.both += expected && high > 0 ? 1 : 0;
    occurrences.predicted += expected ? token.at("occurrences").get<std::int64_t>() : 0;
    occurrences.exploded += high;
    occurrences.both += expected ? high : 0;
  }
  const auto expect_same = [](const TextPrediction& found, const TextPrediction& wanted) {
    EXPECT_EQ(found.predicted, wanted.predicted);
    EXPECT_EQ(found.exploded, wanted.exploded);
    EXPECT_EQ(found.both, wanted.both);
    const auto both = static_cast<double>(wanted.both);
    EXPECT_DOUBLE_EQ(found.precision, both / static_cast<double>(wanted.predicted));
    EXPECT_DOUBLE_EQ(found.recall, both / static_cast<double>(wanted.exploded));
  };
  expect_same(scene.text.types, types);
  expect_same(scene.text.occurrences, occurrences);
  EXPECT_GE(occurrences.both, 4);
}

void expect_same(double found, double wanted, const std::string& what) {
  expect_near(found, std::isnan(wanted) ? json() : json(wanted), what);
}

void expect_same(const std::vector<TextToken>& found, const std::vector<TextToken>& wanted) {
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string of = " of token " + std::to_string(wanted[i].id);
    EXPECT_EQ(found[i].id, wanted[i].id);
    EXPECT_EQ(found[i].occurrences, wanted[i].occurrences) << of;
    EXPECT_EQ(found[i].high_norm, wanted[i].high_norm) << of;
    EXPECT_EQ(found[i].first_block, wanted[i].first_block) << of;
    EXPECT_EQ(found[i].last_block, wanted[i].last_block) << of;
    EXPECT_EQ(found[i].explosion_block, wanted[i].explosion_block) << of;
    expect_same(found[i].peak_ratio, wanted[i].peak_ratio, "ratio" + of);
  }
}

TEST_P(EveryText, TapsOfTheSameSequencesShowTheSame) {
  const Scene scene(GetParam(), false);
  const Decoder decoder(scene.weights, at::kCPU, at::kFloat);
  const auto exporter = std::make_shared<testing::RecordingExporter>();
  Monitor monitor({.run = "tapped",
                   .snapshot_interval = SnapshotInterval::every_steps(1),
                   .log = [](LogLevel, std::string_view) {}});
  monitor.add(exporter);
  Attachment watched =
      monitor.attach(decoder.module(), decoder.architecture(), decoder.role_names());
  ASSERT_TRUE(monitor.drain(std::chrono::seconds(60)));
  const std::vector<std::vector<std::int64_t>> sequences = scene.expected.at("ids");
  std::vector<torch::Tensor> rows;
  for (const auto& ids : sequences) rows.push_back(torch::tensor(ids, torch::kInt64));
  const torch::Tensor ids = torch::stack(rows);
  std::vector<torch::Tensor> states(scene.observation.blocks.size());
  decoder.forward(ids, [&](std::int64_t block, std::size_t, const torch::Tensor& behind) {
    states[static_cast<std::size_t>(block)] = behind;  // the last mixer's stays
  });
  for (std::size_t l = 0; l < states.size(); ++l) {
    tap(watched, static_cast<std::int32_t>(l), states[l], ids);
  }
  watched.step({.step = 1});
  ASSERT_TRUE(monitor.drain(std::chrono::seconds(60)));
  const Observation o = exporter->observations().back();
  ASSERT_TRUE(o.text);
  const TextObservation& found = *o.text;
  const TextObservation& wanted = scene.text;
  EXPECT_EQ(found.sequences, std::ssize(sequences));
  EXPECT_EQ(found.length, std::ssize(sequences[0]));
  ASSERT_EQ(found.stages.size(), wanted.stages.size());
  for (std::size_t s = 0; s < wanted.stages.size(); ++s) {
    EXPECT_EQ(found.stages[s].states, wanted.stages[s].states);
    expect_same(found.stages[s].alignment, wanted.stages[s].alignment, "alignment");
    if (wanted.stages[s].states == 0) continue;
    EXPECT_LE(angle_degrees(found.stages[s].direction, wanted.stages[s].direction), 1e-3);
    EXPECT_NEAR(found.stages[s].angle_to_weights, wanted.stages[s].angle_to_weights, 2e-3);
  }
  ASSERT_EQ(found.blocks.size(), wanted.blocks.size());
  for (std::size_t l = 0; l < wanted.blocks.size(); ++l) {
    const TextBlock& a = found.blocks[l];
    const TextBlock& b = wanted.blocks[l];
    const std::string at = " of block " + std::to_string(l);
    EXPECT_EQ(a.block, b.block);
    EXPECT_EQ(a.high_norm_initial, b.high_norm_initial) << at;
    EXPECT_EQ(a.high_norm_others, b.high_norm_others) << at;
    expect_same(a.reference_norm, b.reference_norm, "reference" + at);
    expect_same(a.initial_norm, b.initial_norm, "initial" + at);
    expect_same(a.others_norm, b.others_norm, "others" + at);
    expect_same(a.growth, b.growth, "growth" + at);
    for (const auto angle :
         {&TextBlock::angle_to_weights, &TextBlock::singular_angle, &TextBlock::eigen_angle}) {
      EXPECT_EQ(std::isnan(a.*angle), std::isnan(b.*angle)) << at;
      if (std::isnan(b.*angle)) continue;
      EXPECT_NEAR(a.*angle, b.*angle, 0.02) << at;
    }
  }
  expect_same(found.initial_tokens, wanted.initial_tokens);
  expect_same(found.other_tokens, wanted.other_tokens);
}

// What one token explodes by lies in its embedding, what the other does attention brings.
TEST(TextStudy, ShowsWhatAttentionBrings) {
  const Scene scene("gpt2");
  EXPECT_EQ(scene.text.types.recall, 0.5);
  for (const TextToken& token : scene.text.other_tokens) {
    const double brought = token.response / token.response_alone;
    EXPECT_TRUE(token.id == 12 ? brought > 5 : brought < 2) << token.id << ": " << brought;
  }
}

INSTANTIATE_TEST_SUITE_P(Transformers, EveryText,
                         ::testing::Values("llama", "gpt2", "gpt_neox_parallel"),
                         [](const auto& info) { return info.param; });

TEST(TextStudy, RefusesWhatIsNotOneSequence) {
  const Scene scene("llama");
  const Decoder decoder(scene.weights, at::kCPU, at::kFloat);
  Workers workers(1);
  TextStudy study({scene.weights, scene.observation, scene.vectors, false}, workers);
  for (const torch::Tensor& ids :
       {torch::zeros({2, 4}, torch::kInt64), torch::zeros({4}, torch::kInt64),
        torch::zeros({1, 4}, torch::kInt32)}) {
    EXPECT_THROW(study.read(decoder, ids), std::invalid_argument);
  }
}

TEST(TextStudy, PredictsNothingWhereTheVocabularyWasNotLookedAt) {
  const Scene scene("llama", false);
  EXPECT_TRUE(std::isnan(scene.text.types.precision) && std::isnan(scene.text.types.recall));
  EXPECT_EQ(scene.text.types.exploded, 0);
  EXPECT_EQ(scene.text.other_tokens.size(), 2U);
  EXPECT_GT(scene.text.other_tokens.front().ratio_alone, 10);
}

}  // namespace
}  // namespace azimuth
