#include "azimuth/evaluate_quantisation.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "azimuth/perplexity.h"
#include "azimuth/quantised_products.h"
#include "greedy_search.h"

namespace azimuth {
namespace {

using Kind = MeasuredSet::Kind;

constexpr double kGoal = 0.9;
constexpr std::size_t kMostCandidates = 200;

class Measuring {
 public:
  Measuring(const Decoder& decoder, const at::Tensor& text, const EvaluationPlan& plan,
            Progress* progress)
      : decoder_(decoder), text_(text), progress_(progress) {
    for (const LinearParameters& linear : decoder.linear_maps()) {
      numbers_[{linear.block, linear.role}] += linear.weight.numel();
    }
    for (const KeepableWeight& weight : plan.ranking) bytes_[weight.place] = weight.bytes;
  }

  void measure(Kind kind, std::vector<WeightPlace> kept, QuantisedProducts* products) {
    if (products != nullptr) products->keep(kept);
    add(kind, std::move(kept), perplexity(decoder_, text_, products, progress_));
  }

  void add(Kind kind, std::vector<WeightPlace> kept, double perplexity) {
    MeasuredSet& set = result.sets.emplace_back();
    set.kind = kind;
    set.perplexity = perplexity;
    for (const WeightPlace& place : kept) {
      set.parameters += numbers_.at(place);
      set.bytes += bytes_.at(place);
    }
    set.kept = std::move(kept);
  }

  double perplexity_of(Kind kind) const { return result.find(kind)->perplexity; }

  // Down the ranking. `known`: what has been measured already.
  void follow(const std::vector<WeightPlace>& ranking, std::size_t advised,
              std::map<std::set<WeightPlace>, double> known, QuantisedProducts& products) {
    for (const Kind kind : {Kind::advised, Kind::all_down}) {
      const MeasuredSet* const set = result.find(kind);
      if (set != nullptr) known[{set->kept.begin(), set->kept.end()}] = set->perplexity;
    }
    std::vector<WeightPlace> kept;
    for (const WeightPlace& place : ranking) {
      if (kept.size() >= advised && result.order_needs() > 0) break;
      kept.push_back(place);
      const auto there = known.find({kept.begin(), kept.end()});
      if (there == known.end()) products.keep(kept);
      result.order.push_back(
          there != known.end() ? there->second : perplexity(decoder_, text_, &products, progress_));
    }
  }

  QuantisationEvaluation result;

 private:
  const Decoder& decoder_;
  const at::Tensor& text_;
  Progress* progress_;
  std::map<WeightPlace, std::int64_t> numbers_, bytes_;
};

// What makes a search needless, in words; empty: nothing does.
std::string why_no_greedy(const QuantisationEvaluation& e, std::size_t candidates) {
  if (!e.loses()) return "round-to-nearest loses nothing that can be told from noise";
  if (e.worse_than_guessing()) {
    return "round-to-nearest is worse than guessing one of " + std::to_string(e.vocab_size) +
           " tokens";
  }
  if (candidates > kMostCandidates) {
    return std::to_string(candidates) + " down projections are too many to search";
  }
  if (!(e.goal > 0)) return "all down projections together recover nothing";
  return "";
}

}  // namespace

QuantisationEvaluation evaluate_quantisation(const Decoder& decoder, const at::Tensor& text,
                                             const at::Tensor& calibration,
                                             const EvaluationPlan& plan, Progress* progress) {
  std::vector<WeightPlace> all;
  for (const KeepableWeight& weight : plan.ranking) all.push_back(weight.place);
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(std::min(plan.advised, all.size()));
  const std::vector<WeightPlace> advised(all.begin(), middle);
  const auto others = std::min(std::ssize(advised), std::distance(middle, all.end()));
  std::vector<WeightPlace> paper;
  for (const WeightPlace& place : all) {
    if (std::ranges::count(plan.paper_blocks, place.block) > 0) paper.push_back(place);
  }
  std::ranges::sort(paper);

  Measuring measuring(decoder, text, plan, progress);
  QuantisationEvaluation& result = measuring.result;
  result.scheme = plan.scheme;
  result.sequences = text.size(0);
  result.length = text.size(1);
  result.vocab_size = decoder.vocab_size();
  result.calibration_sequences = calibration.size(0);
  const auto steps = std::max<std::int64_t>(std::ssize(advised), 1);
  const std::int64_t sets = 4 + (advised.empty() ? 0 : 3) + (paper.empty() ? 0 : 1);
  if (progress != nullptr) {
    progress->begin(calibration.size(0) +
                    text.size(0) * (sets + greedy_passes(std::ssize(all), steps) + steps));
  }

  measuring.measure(Kind::all_float, {}, nullptr);
  // One rounded copy at a time.
  auto products = std::make_optional<QuantisedProducts>(decoder, plan.scheme);
  measuring.measure(Kind::round_to_nearest, {}, &*products);
  if (!advised.empty()) measuring.measure(Kind::advised, advised, &*products);
  if (!paper.empty()) measuring.measure(Kind::paper, paper, &*products);
  if (others > 0) measuring.measure(Kind::control, {all.end() - others, all.end()}, &*products);
  measuring.measure(Kind::all_down, all, &*products);

  products.reset();
  products.emplace(decoder, plan.scheme, smoothing(decoder, calibration, progress));
  measuring.measure(Kind::smooth, {}, &*products);
  if (!advised.empty()) measuring.measure(Kind::smooth_advised, advised, &*products);

  const double down = result.recovered(measuring.perplexity_of(Kind::all_down));
  result.goal = down < kGoal ? kGoal * down : kGoal;
  result.no_greedy = why_no_greedy(result, all.size());
  if (result.no_greedy.empty()) {
    products.reset();
    products.emplace(decoder, plan.scheme);
    const double rounded = measuring.perplexity_of(Kind::round_to_nearest);
    const double goal =
        rounded - result.goal * (rounded - measuring.perplexity_of(Kind::all_float));
    GreedySet found = greedy_search(decoder, *products, text, all, rounded, goal, progress);
    std::vector<WeightPlace> kept;
    for (const GreedyStep& step : found.steps) {
      kept.push_back(step.place);
      result.greedy.push_back(step.perplexity);
    }
    result.measured = std::ssize(found.measured);
    if (!kept.empty()) measuring.add(Kind::greedy, std::move(kept), result.greedy.back());
    measuring.follow(all, advised.size(), std::move(found.measured), *products);
  }
  for (MeasuredSet& set : result.sets) set.recovered = result.recovered(set.perplexity);
  std::ranges::sort(result.sets, {}, &MeasuredSet::kind);
  return result;
}

}  // namespace azimuth
