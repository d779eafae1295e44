// What a training loop taps, through the path that needs no LibTorch.

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <stdexcept>
#include <utility>

#include "azimuth/angle.h"
#include "azimuth/examine.h"
#include "azimuth/median.h"
#include "run/taps.h"
#include "support/watched.h"

namespace azimuth {
namespace {

using testing::TinyLlama;
using testing::Watched;
using namespace std::chrono_literals;

constexpr int kTokens = 9;
const std::vector<std::int64_t> kIds = {1, 4, 9, 2, 6, 7, 7, 3, 5};

/// States after each block: the first token is long behind blocks 2 to 4, the sixth behind 3.
std::vector<Eigen::MatrixXf> pass_of(const TinyLlama& model) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<Eigen::MatrixXf> states;
  for (int block = 0; block <= model.blocks; ++block) {
    states.push_back(
        Eigen::MatrixXf::NullaryExpr(TinyLlama::hidden, kTokens, [&] { return normal(random); }));
    if (block >= 2 && block <= 4) states.back().col(0) += 300 * model.direction;
    if (block == 3) states.back().col(5) -= 200 * model.direction;
  }
  return states;
}

void tap_all(Watched& s, const std::vector<Eigen::MatrixXf>& states,
             std::span<const std::int64_t> ids = kIds) {
  for (std::size_t block = 0; block < states.size(); ++block) {
    s.attachment.tap(static_cast<std::int32_t>(block), states[block], ids);
  }
}

TEST(Taps, OnePassIsWhatATextShows) {
  Watched s;
  s.attach();
  ASSERT_TRUE(s.monitor.drain(30s));
  const std::vector<Eigen::MatrixXf> states = pass_of(*s.model);
  tap_all(s, states);
  s.step(1);
  const Observation o = s.exporter->observations().back();
  ASSERT_TRUE(o.text);
  EXPECT_EQ(o.probe.reference, ReferenceNorm::activations);
  EXPECT_EQ(o.text->sequences, 1);
  EXPECT_EQ(o.text->length, kTokens);
  EXPECT_EQ(o.text->first_token_id, -1);
  EXPECT_TRUE(o.text->ids_digest.empty() && std::isnan(o.text->perplexity));
  EXPECT_TRUE(std::isnan(o.text->types.precision) && std::isnan(o.text->occurrences.recall));

  SpectralVectors vectors;
  Workers workers(1);
  examine(s.model->weights(),
          {.analysis = {.token_ids = o.probe.token_ids},
           .noise_floor = false,
           .digest = false,
           .spectral_vectors = &vectors},
          workers);
  ASSERT_EQ(o.stages.size(), 1U);
  const Eigen::VectorXd weights_say = to_double(o.stages[0].direction);
  ASSERT_EQ(o.text->blocks.size(), states.size());
  const std::map<std::size_t, std::vector<int>> high = {{2, {0}}, {3, {0, 5}}, {4, {0}}};
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(TinyLlama::hidden);
  double norms = 0;
  double peak = 0;
  for (std::size_t l = 0; l < states.size(); ++l) {
    SCOPED_TRACE("block " + std::to_string(l));
    const auto norm_of = [&](std::size_t block, int t) {
      return states[block].col(t).cast<double>().norm();
    };
    std::vector<double> all;
    for (int t = 0; t < kTokens; ++t) all.push_back(norm_of(l, t));
    const TextBlock& block = o.text->blocks[l];
    EXPECT_EQ(block.block, static_cast<std::int32_t>(l));
    EXPECT_NEAR(block.reference_norm, median(all), 1e-6 * median(all));
    EXPECT_NEAR(block.initial_norm, all[0], 1e-6 * all[0]);
    if (l > 0) peak = std::max(peak, all[0] / median(all));
    if (!high.contains(l)) {
      EXPECT_EQ(block.high_norm_initial + block.high_norm_others, 0);
      EXPECT_TRUE(std::isnan(block.growth) && std::isnan(block.angle_to_weights));
      continue;
    }
    EXPECT_EQ(block.high_norm_initial, 1);
    EXPECT_EQ(block.high_norm_others, l == 3 ? 1 : 0);
    Eigen::VectorXd mean = Eigen::VectorXd::Zero(TinyLlama::hidden);
    std::vector<double> growths;
    for (const int t : high.at(l)) {
      mean += states[l].col(t).cast<double>();
      norms += all[static_cast<std::size_t>(t)];
      growths.push_back(all[static_cast<std::size_t>(t)] / norm_of(l - 1, t));
    }
    sum += mean;
    if (l == 3) {
      EXPECT_NEAR(block.others_norm, all[5], 1e-6 * all[5]);
    } else {
      EXPECT_TRUE(std::isnan(block.others_norm));
    }
    EXPECT_NEAR(block.growth, median(growths), 1e-5 * median(growths));
    EXPECT_NEAR(block.angle_to_weights, angle_degrees(mean, weights_say), 1e-3);
  }
  ASSERT_EQ(o.text->stages.size(), 1U);
  const TextStage& stage = o.text->stages[0];
  EXPECT_EQ(stage.states, 4);
  EXPECT_NEAR(stage.alignment, sum.norm() / norms, 1e-6);
  EXPECT_LE((to_double(stage.direction) - sum.normalized()).norm(), 1e-6);
  EXPECT_NEAR(stage.angle_to_weights, angle_degrees(sum, weights_say), 1e-3);
  for (std::size_t l = 1; l < states.size(); ++l) {
    EXPECT_NEAR(o.text->blocks[l].singular_angle, angle_degrees(sum, vectors.singular[l - 1]),
                0.02);
    EXPECT_EQ(std::isnan(o.text->blocks[l].eigen_angle), vectors.eigen[l - 1].cols() == 0);
  }
  const Eigen::MatrixXd& span = vectors.eigen.back();  // of the decay block
  const auto to_span = [&](const Eigen::VectorXd& v) {
    return std::acos(std::min((span.transpose() * v.normalized()).norm(), 1.0)) * 180 /
           std::acos(-1);
  };
  EXPECT_NEAR(to_span(weights_say), o.blocks.back().eigen.angle, 0.02);
  EXPECT_NEAR(o.text->blocks.back().eigen_angle, to_span(sum), 0.02);

  ASSERT_EQ(o.text->initial_tokens.size(), 1U);
  const TextToken& initial = o.text->initial_tokens[0];
  EXPECT_EQ(initial.id, kIds[0]);
  EXPECT_EQ(initial.occurrences, 1);
  EXPECT_EQ(initial.high_norm, 1);
  EXPECT_EQ(initial.first_block, 2);
  EXPECT_EQ(initial.last_block, 4);
  EXPECT_EQ(initial.explosion_block, 2);
  EXPECT_NEAR(initial.peak_ratio, peak, 1e-5 * peak);
  EXPECT_TRUE(std::isnan(initial.response) && std::isnan(initial.ratio_alone));
  ASSERT_EQ(o.text->other_tokens.size(), 1U);
  const TextToken& other = o.text->other_tokens[0];
  EXPECT_EQ(other.id, kIds[5]);
  EXPECT_EQ(other.occurrences, 2);
  EXPECT_EQ(other.high_norm, 1);
  EXPECT_EQ(other.first_block, 3);
  EXPECT_EQ(other.last_block, 3);
}

TEST(Taps, PassIsInOneObservationAlone) {
  Watched s;
  s.attach();
  ASSERT_TRUE(s.monitor.drain(30s));
  tap_all(s, pass_of(*s.model));
  for (int step = 1; step <= 3; ++step) s.step(step);
  tap_all(s, pass_of(*s.model));
  s.step(4);
  const std::vector<Observation> o = s.exporter->observations();
  ASSERT_EQ(o.size(), 5U);
  for (const std::size_t i : {0U, 2U, 3U}) EXPECT_FALSE(o[i].text) << i;
  EXPECT_TRUE(o[1].text && o[4].text);
}

TEST(Taps, HighNormGoesByTheRatioOfTheMonitor) {
  // The first token is some 75 times as long as others, the sixth 50 times.
  const std::vector<std::pair<double, std::int64_t>> counts = {{20, 4}, {60, 3}, {200, 0}};
  for (const auto& [ratio, states] : counts) {
    MonitorOptions options = testing::every_step();
    options.thresholds.high_norm_ratio = ratio;
    Watched s(options);
    s.attach();
    ASSERT_TRUE(s.monitor.drain(30s));
    tap_all(s, pass_of(*s.model));
    s.step(1);
    const Observation o = s.exporter->observations().back();
    ASSERT_TRUE(o.text);
    EXPECT_EQ(o.text->stages[0].states, states);
    // The sixth token's state points the other way.
    EXPECT_EQ(o.text->stages[0].alignment > 0.99, states == 3) << ratio;
    EXPECT_EQ(o.text->stages[0].direction.empty(), ratio > 100);
    EXPECT_EQ(o.text->initial_tokens.empty(), ratio > 100);
  }
}

TEST(Taps, ListNoTokensWhereIdsAreNotTheirs) {
  Watched s;
  s.attach();
  ASSERT_TRUE(s.monitor.drain(30s));
  const std::vector<std::int64_t> few = {1, 2, 3};
  for (const auto& ids : {std::span<const std::int64_t>(), std::span<const std::int64_t>(few)}) {
    tap_all(s, pass_of(*s.model), ids);
    s.step(ids.empty() ? 1 : 2);
    const Observation o = s.exporter->observations().back();
    ASSERT_TRUE(o.text);
    EXPECT_TRUE(o.text->initial_tokens.empty() && o.text->other_tokens.empty());
    EXPECT_EQ(o.text->stages[0].states, 4);
  }
}

// What would put states of several passes, or of none, side by side.
TEST(Taps, ShowNoTextWhereTheyAreNotOfOnePass) {
  Watched s;
  s.attach();
  ASSERT_TRUE(s.monitor.drain(30s));
  const std::vector<Eigen::MatrixXf> states = pass_of(*s.model);
  const auto last = static_cast<std::int32_t>(states.size() - 1);
  std::int64_t step = 0;
  const auto next = [&] {
    s.step(++step);
    const Observation o = s.exporter->observations().back();
    EXPECT_EQ(o.probe.reference, ReferenceNorm::activations);
    return o.text.has_value();
  };
  tap_all(s, states);
  EXPECT_TRUE(next());
  for (std::int32_t block = last; block >= 0; --block) {
    s.attachment.tap(block, states[static_cast<std::size_t>(block)]);
  }
  EXPECT_FALSE(next()) << "from the last block down";
  tap_all(s, states);
  s.attachment.tap(0, states[0]);
  EXPECT_FALSE(next()) << "another pass has begun";
  tap_all(s, states);
  s.attachment.tap(last, states.back());
  EXPECT_FALSE(next()) << "another pass was tapped at its end";
  for (std::int32_t block = 0; block < last; ++block) {
    s.attachment.tap(block, states[static_cast<std::size_t>(block)]);
  }
  EXPECT_FALSE(next()) << "not all blocks";
  s.attachment.tap(last, states.back());
  EXPECT_FALSE(next()) << "a step between two blocks";
  std::vector<Eigen::MatrixXf> odd = states;
  odd[2] = odd[2].leftCols(kTokens - 1).eval();
  tap_all(s, odd);
  EXPECT_FALSE(next()) << "a token is missing";
  odd = states;
  odd[0].leftCols(5).setZero();
  tap_all(s, odd);
  EXPECT_FALSE(next()) << "no ratio to a norm of zero";
  odd = states;
  odd[3](0, 1) = INFINITY;
  tap_all(s, odd);
  EXPECT_FALSE(next()) << "not finite";
  tap_all(s, states);
  EXPECT_TRUE(next());
}

TappedStates of_median(double median) {
  TappedStates states;
  states.median = median;
  return states;
}

TEST(Taps, LeaveOutWhatIsNotFiniteOrCannotBeHad) {
  for (const double bad : {double{NAN}, double{INFINITY}, 0.0}) {
    Taps taps;
    int asked = 0;
    taps.tap(0, [&] { return ++asked, of_median(1); });
    taps.tap(1, [&] { return bad == 0 ? throw std::runtime_error("lost") : of_median(bad); });
    taps.tap(2, [] { return of_median(3); });
    Taps::Taken taken = taps.take(2);
    EXPECT_TRUE(taken.norms.empty() && taken.pass.empty());
    taps.step();
    taps.tap(1, [] { return of_median(2); });
    taken = taps.take(2);
    EXPECT_EQ(taken.norms, (std::vector<double>{1, 2, 3}));
    EXPECT_TRUE(taken.pass.empty()) << "of two passes";
    EXPECT_EQ(asked, 1) << "a value that is there is not asked for again";
    for (std::int32_t block = 0; block <= 2; ++block) {
      taps.tap(block, [block] { return of_median(block + 1); });
    }
    EXPECT_EQ(taps.take(2).pass.size(), 3U);
    EXPECT_EQ(taps.take(2).pass.size(), 0U);
    EXPECT_EQ(taps.take(2).norms.size(), 3U);
  }
}

}  // namespace
}  // namespace azimuth
