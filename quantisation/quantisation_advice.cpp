#include "azimuth/quantisation_advice.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "analysis/mixer_output.h"
#include "analysis/run_block.h"
#include "azimuth/median.h"
#include "scoring_operations.h"

namespace azimuth {
namespace {

constexpr double kShareKept = 0.9;
// Noise below this, over all down projections, is not to be measured in what the model says.
constexpr double kLeastTotal = 0.02;
// A token whose power is that many times the median's is no ordinary one: ten times its norm.
constexpr double kOrdinaryPower = 100;
constexpr std::int64_t kSpreadFirsts = 3;

// One or several that are quantised at once, and what is to be said of them.
struct Candidate {
  DownProjection projection;
  QuantisedMaps maps;
};

std::vector<Candidate> candidates_of(const BlockWeights& block) {
  std::vector<Candidate> found;
  const auto add = [&](Role role, QuantisedMaps maps) {
    DownProjection projection = {.role = role};
    for (const Projection* one : maps.maps) {
      projection.parameters += one->map->rows() * one->map->columns();
    }
    if (maps.of_experts) projection.experts = static_cast<std::int32_t>(maps.maps.size());
    found.push_back({projection, std::move(maps)});
  };
  for (const Mixer& mixer : block.mixers) {
    if (const auto* ffn = std::get_if<FeedForward>(&mixer.work)) {
      add(Role::down_weight, {.maps = {&ffn->down}});
    } else if (const auto* mixture = std::get_if<Experts>(&mixer.work)) {
      QuantisedMaps experts = {.maps = {}, .of_experts = true};
      for (const FeedForward& expert : mixture->experts) experts.maps.push_back(&expert.down);
      add(Role::down_weight, std::move(experts));
      if (mixture->shared) add(Role::shared_down_weight, {.maps = {&mixture->shared->down}});
    }
  }
  return found;
}

void add_cost(const ModelWeights& weights, DownProjection& projection) {
  const auto stored = weights.stored_type(projection.role, projection.block);
  if (stored && (*stored == StoredType::f32 || *stored == StoredType::bf16)) {
    projection.kept_as = *stored;
  }
  const std::int64_t more = block_bytes(projection.kept_as) - 1;
  projection.extra_bytes = more * projection.parameters;
}

void add_stages(const Observation& observation, DownProjection& projection) {
  const auto is_among = [&](const std::vector<BlockFactor>& blocks) {
    return std::ranges::find(blocks, projection.block, &BlockFactor::block) != blocks.end();
  };
  for (const StageObservation& stage : observation.stages) {
    projection.explosion_block |= is_among(stage.explosion_blocks);
    projection.decay_block |= is_among(stage.decay_blocks);
  }
}

std::vector<std::int64_t> first_tokens(const Observation& observation, std::int64_t vocab_size) {
  const std::vector<std::int64_t>& special = observation.probe.special_token_ids;
  const std::vector<std::int64_t>& high = observation.probe.high_norm_token_ids;
  if (!special.empty() && std::ranges::find(high, special.front()) != high.end()) {
    return {special.front()};
  }
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < kSpreadFirsts; ++i) {
    ids.push_back((2 * i + 1) * vocab_size / (2 * kSpreadFirsts));
  }
  return ids;
}

// The pseudo-sequences of all first tokens at once: they have the other rows in common.
class PseudoSequences {
 public:
  PseudoSequences(const ModelWeights& weights, const std::vector<std::int64_t>& firsts,
                  Workers& workers)
      : firsts_(std::ssize(firsts)), workers_(workers) {
    std::vector<std::int64_t> ids = firsts;
    for (std::int64_t i = 0; i + 1 < kAdviceRows; ++i) {
      ids.push_back(i * weights.vocab_size() / (kAdviceRows - 1));
    }
    const Pass<float> pass(weights, ids, firsts_, workers);
    H_ = pass.hidden_states();
    carried_ = pass.carried();
  }

  // Through a block, whose candidates are scored.
  void run(const BlockWeights& block, std::vector<Candidate>& candidates) {
    ScoringOperations operations(firsts_, workers_);
    const Eigen::MatrixXf before = H_;
    const Carried<Eigen::MatrixXf> carried_before = carried_;
    run_block(block, firsts_, H_, carried_, operations);
    if (!H_.allFinite()) return;
    for (Candidate& candidate : candidates) {
      std::vector<std::pair<double, InputFigures>> scores;
      for (Eigen::Index first = 0; first < firsts_; ++first) {
        operations.quantise(&candidate.maps, first);
        Eigen::MatrixXf noisy = before;
        Carried<Eigen::MatrixXf> carried = carried_before;
        run_block(block, firsts_, noisy, carried, operations);
        scores.emplace_back(score_of(noisy), operations.figures());
      }
      const auto middle = scores.begin() + (firsts_ - 1) / 2;
      std::ranges::nth_element(scores, middle, {}, &std::pair<double, InputFigures>::first);
      candidate.projection.score = middle->first;
      const InputFigures& figures = middle->second;
      candidate.projection.first_peak = figures.first_peak;
      candidate.projection.others_peak = figures.others_peak;
      candidate.projection.typical = figures.typical;
      candidate.projection.outlier_ratio = figures.outlier_ratio;
      candidate.projection.expert = figures.expert;
    }
  }

  bool finite() const { return H_.allFinite(); }

 private:
  // Behind the block, of what it leaves with a matrix in int8.
  double score_of(const Eigen::MatrixXf& noisy) const {
    const Eigen::Index others = H_.cols() - firsts_;
    const Eigen::MatrixXd clean = H_.rightCols(others).cast<double>();
    const Eigen::VectorXd powers = clean.colwise().squaredNorm();
    const double median_power = median({powers.begin(), powers.end()});
    std::vector<double> noise;
    for (Eigen::Index row = 0; row < others; ++row) {
      if (!(powers[row] > 0 && powers[row] < kOrdinaryPower * median_power)) continue;
      const Eigen::VectorXd error = noisy.col(firsts_ + row).cast<double>() - clean.col(row);
      noise.push_back(error.squaredNorm() / powers[row]);
    }
    return median(noise);
  }

  Eigen::Index firsts_;
  Workers& workers_;
  Eigen::MatrixXf H_;
  Carried<Eigen::MatrixXf> carried_;
};

// Ranks them and says which are kept, or why none is.
void judge(QuantisationAdvice& advice) {
  auto& projections = advice.projections;
  if (projections.empty()) {
    advice.nothing_to_keep = "no block has a down projection";
    return;
  }
  for (const DownProjection& one : projections) {
    if (std::isfinite(one.score)) continue;
    advice.nothing_to_keep =
        "what int8 leaves of block " + std::to_string(one.block) + " is not finite";
    projections.clear();
    return;
  }
  std::ranges::stable_sort(projections, std::greater(), &DownProjection::score);
  for (DownProjection& one : projections) {
    one.rank = static_cast<std::int32_t>(&one - projections.data()) + 1;
    advice.total_score += one.score;
  }
  if (advice.total_score < kLeastTotal) {
    advice.nothing_to_keep = "int8 costs next to nothing in any down projection";
    return;
  }
  std::size_t kept = 0;
  for (double sum = 0; sum < kShareKept * advice.total_score; ++kept) {
    sum += projections[kept].score;
  }
  if (2 * kept > projections.size()) {
    advice.nothing_to_keep = "no small set of down projections helps: " + std::to_string(kept) +
                             " of " + std::to_string(projections.size()) + " have 90% of the noise";
    return;
  }
  for (std::size_t i = 0; i < kept; ++i) projections[i].kept = true;
}

std::int64_t sum_over_kept(const std::vector<DownProjection>& projections,
                           std::int64_t DownProjection::*number) {
  std::int64_t sum = 0;
  for (const DownProjection& one : projections) {
    if (one.kept) sum += one.*number;
  }
  return sum;
}

}  // namespace

std::int64_t QuantisationAdvice::kept() const {
  return std::ranges::count(projections, true, &DownProjection::kept);
}

std::int64_t QuantisationAdvice::kept_parameters() const {
  return sum_over_kept(projections, &DownProjection::parameters);
}

std::int64_t QuantisationAdvice::kept_extra_bytes() const {
  return sum_over_kept(projections, &DownProjection::extra_bytes);
}

QuantisationAdvice advise(const ModelWeights& weights, const Observation& observation,
                          const AdviceOptions& options, Workers& workers, Progress* progress) {
  if (progress != nullptr) progress->begin(std::ssize(weights.blocks()));
  QuantisationAdvice advice;
  advice.first_token_ids = options.first_token_ids.empty()
                               ? first_tokens(observation, weights.vocab_size())
                               : options.first_token_ids;
  PseudoSequences sequences(weights, advice.first_token_ids, workers);
  std::int32_t number = 0;
  for (const BlockWeights& block : weights.blocks()) {
    next_part(progress);
    ++number;
    std::vector<Candidate> candidates = candidates_of(block);
    sequences.run(block, candidates);
    if (!sequences.finite()) {
      advice.projections.clear();
      advice.nothing_to_keep =
          "hidden states are not finite from block " + std::to_string(number) + " on";
      return advice;
    }
    for (Candidate& candidate : candidates) {
      candidate.projection.block = number;
      add_cost(weights, candidate.projection);
      add_stages(observation, candidate.projection);
      advice.projections.push_back(candidate.projection);
    }
  }
  judge(advice);
  return advice;
}

}  // namespace azimuth
