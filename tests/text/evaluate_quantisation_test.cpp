#include "azimuth/evaluate_quantisation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "azimuth/hugging_face_folder.h"
#include "azimuth/perplexity.h"
#include "azimuth/quantised_products.h"
#include "support/cancel_at.h"

namespace azimuth {
namespace {

using torch::Tensor;
using Kind = MeasuredSet::Kind;
using ::testing::ElementsAre;

constexpr std::int64_t kDamaged = 2;

// A tiny model that is sure of what it says.
Decoder sure_model() {
  Decoder decoder(load_hugging_face(AZIMUTH_TEST_DATA "/architectures/qwen3"), at::kCPU,
                  torch::kFloat32);
  const torch::NoGradGuard no_grad;
  for (const LinearParameters& linear : decoder.linear_maps()) {
    if (linear.block == 0) linear.weight.mul_(8);
  }
  return decoder;
}

// Text as the model itself says it.
Tensor its_own_text(const Decoder& decoder) {
  const torch::NoGradGuard no_grad;
  Tensor ids = torch::arange(4, 8, torch::kInt64).unsqueeze(1);
  while (ids.size(1) < 16) {
    const Tensor next = decoder.forward(ids).select(1, -1).argmax(-1, /*keepdim=*/true);
    ids = torch::cat({ids, next}, 1);
  }
  return ids;
}

// Nothing changes in float: a number beside which all others are rounded to 0, for an input that
// is 0.
void plant(const Decoder& decoder, std::int64_t block) {
  const torch::NoGradGuard no_grad;
  for (const LinearParameters& linear : decoder.linear_maps()) {
    if (linear.block != block) continue;
    if (linear.role == Role::up_weight) linear.weight[7].zero_();
    if (linear.role == Role::down_weight) linear.weight.select(1, 7).fill_(1e4);
  }
}

WeightPlace down(std::int64_t block) { return {block, Role::down_weight}; }

class Evaluation : public ::testing::Test {
 protected:
  Evaluation() {
    plant(decoder_, kDamaged);
    text_ = its_own_text(decoder_);
  }

  double perplexity_with(const std::vector<WeightPlace>& kept, Smoothing smooth = {}) const {
    QuantisedProducts products(decoder_, plan_.scheme, std::move(smooth));
    products.keep(kept);
    return perplexity(decoder_, text_, &products);
  }

  Decoder decoder_ = sure_model();
  Tensor text_;
  Tensor other_ = torch::arange(0, 32, torch::kInt64).view({2, 16});
  EvaluationPlan plan_ = {.scheme = {},
                          .ranking = {{down(3), 10}, {down(2), 20}, {down(1), 30}},
                          .advised = 1,
                          .paper_blocks = {3, 1}};
};

TEST_F(Evaluation, GreedyFindsThePlantedMatrix) {
  const QuantisationEvaluation e = evaluate_quantisation(decoder_, text_, other_, plan_);
  ASSERT_EQ(e.no_greedy, "");
  const MeasuredSet* const greedy = e.find(Kind::greedy);
  ASSERT_NE(greedy, nullptr);
  EXPECT_THAT(greedy->kept, ElementsAre(down(kDamaged)));
  EXPECT_THAT(e.greedy, ElementsAre(greedy->perplexity));
  EXPECT_EQ(e.measured, 3);
  EXPECT_GE(greedy->recovered, e.goal);
  EXPECT_NEAR(greedy->perplexity, perplexity_with({down(kDamaged)}), 1e-6 * greedy->perplexity);
}

TEST_F(Evaluation, HasEverySetAsItIsMeasuredByItself) {
  const QuantisationEvaluation e = evaluate_quantisation(decoder_, text_, other_, plan_);
  EXPECT_EQ(e.sequences, 4);
  EXPECT_EQ(e.length, 16);
  EXPECT_EQ(e.calibration_sequences, 2);
  const std::vector<WeightPlace> all = {down(3), down(2), down(1)};
  const Smoothing smooth = smoothing(decoder_, other_);
  const double exact = perplexity(decoder_, text_), rounded = perplexity_with({});
  const auto expect = [&](Kind kind, const std::vector<WeightPlace>& kept, double perplexity) {
    SCOPED_TRACE(title_of(kind));
    const MeasuredSet* const set = e.find(kind);
    ASSERT_NE(set, nullptr);
    EXPECT_EQ(set->kept, kept);
    EXPECT_DOUBLE_EQ(set->perplexity, perplexity);
    EXPECT_DOUBLE_EQ(set->recovered, (rounded - perplexity) / (rounded - exact));
    EXPECT_EQ(set->parameters, 24 * 40 * std::ssize(kept));
  };
  expect(Kind::all_float, {}, exact);
  expect(Kind::round_to_nearest, {}, rounded);
  expect(Kind::advised, {down(3)}, perplexity_with({down(3)}));
  expect(Kind::paper, {down(1), down(3)}, perplexity_with({down(1), down(3)}));
  expect(Kind::control, {down(1)}, perplexity_with({down(1)}));
  expect(Kind::all_down, all, perplexity_with(all));
  expect(Kind::smooth, {}, perplexity_with({}, smooth));
  expect(Kind::smooth_advised, {down(3)}, perplexity_with({down(3)}, smooth));
  EXPECT_EQ(e.find(Kind::paper)->bytes, 40);
  EXPECT_LT(exact, 1.5);  // as its own text is
  EXPECT_GT(rounded, 2 * exact);
  const double share = e.find(Kind::all_down)->recovered;
  EXPECT_DOUBLE_EQ(e.goal, share < 0.9 ? 0.9 * share : 0.9);
  EXPECT_TRUE(std::ranges::is_sorted(e.sets, {}, &MeasuredSet::kind));
}

// Lazily, the same set as by trying all in every round.
TEST_F(Evaluation, GreedyIsThatOfEveryRoundInFull) {
  plant(decoder_, 1);
  plant(decoder_, 3);
  text_ = its_own_text(decoder_);
  const QuantisationEvaluation e = evaluate_quantisation(decoder_, text_, other_, plan_);
  const MeasuredSet* const greedy = e.find(Kind::greedy);
  ASSERT_NE(greedy, nullptr);
  ASSERT_GE(greedy->kept.size(), 2u);
  std::vector<WeightPlace> kept;
  for (std::size_t i = 0; i < greedy->kept.size(); ++i) {
    double best = INFINITY;
    WeightPlace place;
    for (const std::int64_t block : {3, 2, 1}) {
      if (std::ranges::count(kept, down(block)) > 0) continue;
      std::vector<WeightPlace> with = kept;
      with.push_back(down(block));
      const double found = perplexity_with(with);
      if (found < best) place = down(block);
      best = std::min(best, found);
    }
    kept.push_back(place);
    EXPECT_NEAR(e.greedy[i], best, 1e-6 * best);
  }
  EXPECT_EQ(greedy->kept, kept);
}

// Of so many that only some are measured in every round.
TEST_F(Evaluation, NoStepOfGreedyIsAnOldOne) {
  decoder_ = sure_model();
  text_ = its_own_text(decoder_).narrow(0, 0, 2);
  plan_.scheme.weight_bits = 4;
  plan_.ranking.clear();
  for (const LinearParameters& linear : decoder_.linear_maps()) {
    if (linear.block > 0) plan_.ranking.push_back({{linear.block, linear.role}, 0});
  }
  const QuantisationEvaluation e = evaluate_quantisation(decoder_, text_, other_, plan_);
  const MeasuredSet* const greedy = e.find(Kind::greedy);
  ASSERT_NE(greedy, nullptr);
  ASSERT_EQ(greedy->kept.size(), e.greedy.size());
  ASSERT_GE(e.greedy.size(), 5u);
  EXPECT_LT(e.measured, 21 + 20 + 19 + 18 + 17);
  EXPECT_GT(e.measured, 21 + 4 * (std::ssize(e.greedy) - 1));  // an old one came out best
  for (std::size_t i = 0; i < e.greedy.size(); ++i) {
    const auto end = greedy->kept.begin() + static_cast<std::ptrdiff_t>(i) + 1;
    EXPECT_NEAR(e.greedy[i], perplexity_with({greedy->kept.begin(), end}), 1e-6 * e.greedy[i]);
  }
}

TEST_F(Evaluation, FollowsTheAdviceUntilItReachesTheGoal) {
  testing::CancelAt progress(-1);
  const QuantisationEvaluation e = evaluate_quantisation(decoder_, text_, other_, plan_, &progress);
  const double first = perplexity_with({down(3)}), second = perplexity_with({down(3), down(2)});
  ASSERT_LT(e.recovered(first), e.goal);
  EXPECT_THAT(e.order, ElementsAre(first, second));
  EXPECT_EQ(e.order_needs(), 2u);
  // Eight lines of the table, two sequences for SmoothQuant, the search: two passes and its own
  // to begin with; the first of the order is in the table.
  EXPECT_EQ(progress.asked(), 8 * 4 + 2 + 3 * 4 + 4);

  plan_.advised = 3;
  std::swap(plan_.ranking[0], plan_.ranking[1]);
  const QuantisationEvaluation more = evaluate_quantisation(decoder_, text_, other_, plan_);
  EXPECT_THAT(more.order,
              ElementsAre(more.greedy.front(), second, e.find(Kind::all_down)->perplexity))
      << "as many as are advised";
  EXPECT_EQ(more.order_needs(), 1u);
}

// What another program says of the same sets (make_quantised.py).
TEST(EvaluationOfPlanted, IsWhatThePlainProgramMeasures) {
  Decoder decoder(load_hugging_face(AZIMUTH_TEST_DATA "/architectures/qwen3"), at::kCPU,
                  torch::kFloat64);
  {
    const torch::NoGradGuard no_grad;
    for (const LinearParameters& linear : decoder.linear_maps()) {
      if (linear.block == 0) linear.weight.mul_(8);
    }
  }
  plant(decoder, 2);
  plant(decoder, 3);
  const auto expected = nlohmann::json::parse(std::ifstream(QUANTISED_MODELS)).at("planted");
  const std::vector<std::vector<std::int64_t>> rows = expected.at("ids");
  std::vector<Tensor> sequences;
  for (const auto& row : rows) sequences.push_back(torch::tensor(row, torch::kInt64));
  EvaluationPlan plan = {.scheme = {}, .ranking = {}, .advised = 1, .paper_blocks = {}};
  for (const std::int64_t block : expected.at("order")) plan.ranking.push_back({down(block), 0});
  const Tensor ids = torch::stack(sequences);
  const QuantisationEvaluation e = evaluate_quantisation(decoder, ids, ids, plan);
  const auto expect = [&](const std::string& name, double found) {
    const std::vector<double> losses = expected.at("results").at(name).at("losses");
    const double sum = std::accumulate(losses.begin(), losses.end(), 0.0);
    EXPECT_NEAR(std::log(found), sum / static_cast<double>(15 * losses.size()), 1e-5) << name;
  };
  expect("float", e.find(Kind::all_float)->perplexity);
  expect("rounded", e.find(Kind::round_to_nearest)->perplexity);
  ASSERT_EQ(e.order.size(), 3u);
  for (std::size_t n = 1; n <= 3; ++n) expect("kept " + std::to_string(n), e.order[n - 1]);
  EXPECT_EQ(e.order_needs(), 3u) << "one more than the search";
  EXPECT_EQ(e.find(Kind::greedy)->kept.size(), 2u);
}

TEST_F(Evaluation, WhereDownProjectionsAreNotAllTheGoalIsWhatTheyRecover) {
  decoder_ = sure_model();
  text_ = its_own_text(decoder_);
  plan_.scheme.weight_bits = 4;
  const QuantisationEvaluation e = evaluate_quantisation(decoder_, text_, other_, plan_);
  const double share = e.find(Kind::all_down)->recovered;
  ASSERT_LT(share, 0.9);
  EXPECT_DOUBLE_EQ(e.goal, 0.9 * share);
}

TEST_F(Evaluation, SaysWhyNothingIsSearched) {
  const Decoder whole(load_hugging_face(AZIMUTH_TEST_DATA "/architectures/qwen3"), at::kCPU,
                      torch::kFloat32);
  for (const LinearParameters& linear : whole.linear_maps()) {  // blocks say nothing
    const torch::NoGradGuard no_grad;
    if (linear.role == Role::output_weight || linear.role == Role::down_weight) {
      linear.weight.zero_();
    }
  }
  plan_.advised = 0;
  plan_.paper_blocks = {};
  const QuantisationEvaluation e = evaluate_quantisation(whole, text_, other_, plan_);
  EXPECT_FALSE(e.loses());
  EXPECT_EQ(e.no_greedy, "round-to-nearest loses nothing that can be told from noise");
  EXPECT_TRUE(std::isnan(e.find(Kind::all_down)->recovered));
  EXPECT_TRUE(e.order.empty());
  EXPECT_EQ(e.order_needs(), 0u);
  for (const Kind kind :
       {Kind::advised, Kind::smooth_advised, Kind::paper, Kind::control, Kind::greedy}) {
    EXPECT_EQ(e.find(kind), nullptr) << title_of(kind);
  }
}

TEST_F(Evaluation, SaysThatNothingIsLeftOfTheModel) {
  {
    const torch::NoGradGuard no_grad;
    for (const LinearParameters& linear : decoder_.linear_maps()) {
      if (linear.block == 0) linear.weight.mul_(16);
    }
  }
  const QuantisationEvaluation e = evaluate_quantisation(decoder_, text_, other_, plan_);
  ASSERT_GT(e.find(Kind::round_to_nearest)->perplexity, 37);
  EXPECT_EQ(e.no_greedy, "round-to-nearest is worse than guessing one of 37 tokens");
  EXPECT_TRUE(e.order.empty());
  EXPECT_EQ(e.find(Kind::greedy), nullptr);
  for (const MeasuredSet& set : e.sets) EXPECT_TRUE(std::isnan(set.recovered));
}

TEST_F(Evaluation, CanBeEnded) {
  for (const int at : {1, 12, 30, 44, 48}) {
    testing::CancelAt progress(at);
    EXPECT_THROW(evaluate_quantisation(decoder_, text_, other_, plan_, &progress), Cancelled);
    EXPECT_EQ(progress.asked(), at);
  }
}

}  // namespace
}  // namespace azimuth
