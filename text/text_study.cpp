#include "azimuth/text_study.h"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "azimuth/angle.h"
#include "azimuth/median.h"
#include "azimuth/perplexity.h"
#include "text_states.h"
#include "tokens_alone.h"

namespace azimuth {
namespace {

using Tokens = std::unordered_map<std::int64_t, TokenStates>;
/// By id, the block at which a token explodes by itself.
using Expected = std::unordered_map<std::int64_t, std::int32_t>;

// Degrees between a direction and the space that orthonormal columns span.
double angle_to_span(const Eigen::VectorXd& direction, const Eigen::MatrixXd& span) {
  if (span.cols() == 0 || span.rows() != direction.size()) return kNotApplicable;
  const Eigen::VectorXd u = direction.normalized();
  const Eigen::VectorXd inside = span * (span.transpose() * u);
  return std::atan2((u - inside).norm(), inside.norm()) * 180 / std::numbers::pi;
}

TextToken described(std::int64_t id, const TokenStates& states) {
  TextToken token;
  token.id = id;
  token.occurrences = states.occurrences;
  token.high_norm = states.high_norm;
  token.peak_ratio = states.peak_ratio;
  token.first_block = states.first_block;
  token.last_block = states.last_block;
  token.explosion_block = states.explosion_block;
  if (states.explosion_block > 0) token.response = states.response;
  return token;
}

// Those that are high-norm somewhere, most often so first, then those of `also`.
std::vector<TextToken> listed(const Tokens& tokens, const Expected& also) {
  std::vector<TextToken> list;
  for (const auto& [id, states] : tokens) {
    if (states.high_norm > 0 || also.contains(id)) list.push_back(described(id, states));
  }
  std::ranges::sort(list, [](const TextToken& a, const TextToken& b) {
    return std::tie(b.high_norm, b.occurrences, a.id) < std::tie(a.high_norm, a.occurrences, b.id);
  });
  return list;
}

void add_alone(std::vector<TextToken>& tokens, const KnownOfWeights& known, Workers& workers) {
  std::vector<std::int64_t> ids;
  std::vector<std::int32_t> blocks;
  for (const TextToken& token : tokens) {
    ids.push_back(token.id);
    blocks.push_back(token.explosion_block);
  }
  const auto alone =
      tokens_alone(known.weights, known.observation, known.high_norm_ratio, ids, blocks, workers);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i].ratio_alone = alone[i].ratio;
    if (blocks[i] > 0) tokens[i].response_alone = alone[i].response;
  }
}

void complete(TextPrediction& counts) {
  const auto share = [&](std::int64_t of) {
    return of == 0 ? kNotApplicable : static_cast<double>(counts.both) / static_cast<double>(of);
  };
  counts.precision = share(counts.predicted);
  counts.recall = share(counts.exploded);
}

void compare(const Expected& predicted, TextObservation& out) {
  for (const TextToken& token : out.other_tokens) {
    const bool expected = predicted.contains(token.id);
    const bool exploded = token.high_norm > 0;
    out.types.predicted += expected ? 1 : 0;
    out.types.exploded += exploded ? 1 : 0;
    out.types.both += expected && exploded ? 1 : 0;
    out.occurrences.predicted += expected ? token.occurrences : 0;
    out.occurrences.exploded += token.high_norm;
    out.occurrences.both += expected ? token.high_norm : 0;
  }
  complete(out.types);
  complete(out.occurrences);
}

}  // namespace

class TextStudy::State {
 public:
  State(const KnownOfWeights& known, Workers& workers)
      : known_(known), workers_(workers), blocks_(known.weights.blocks().size() + 1) {
    for (const BlockWeights& block : known.weights.blocks()) mixers_.push_back(block.mixers.size());
    if (!known.vocabulary) return;
    const auto& ids = known.observation.probe.vocabulary.exploding_token_ids;
    const auto alone = tokens_alone(known.weights, known.observation, known.high_norm_ratio, ids,
                                    std::vector<std::int32_t>(ids.size(), 0), workers);
    for (std::size_t i = 0; i < ids.size(); ++i) expected_[ids[i]] = alone[i].explosion_block;
  }

  void read(const Decoder& decoder, const at::Tensor& ids) {
    const torch::NoGradGuard no_grad;
    SequenceStates sequence(blocks_, known_.high_norm_ratio, expected_at(ids));
    torch::Tensor before;
    const auto tap = [&](std::int64_t block, std::size_t mixer, const torch::Tensor& states) {
      const torch::Tensor all = states[0];
      const std::size_t last = block == 0 ? 0 : mixers_[static_cast<std::size_t>(block - 1)];
      if (mixer == last) {
        sequence.add(static_cast<std::int32_t>(block), all, before.defined() ? before : all);
      }
      before = all;
    };
    perplexity_.add(decoder.forward(ids, tap), ids);
    sequence.count(ids.contiguous(), initial_, others_);
  }

  TextObservation result() const {
    TextObservation out;
    out.perplexity = perplexity_.value();
    add_directions(known_, out);
    out.initial_tokens = listed(initial_, {});
    out.other_tokens = listed(others_, expected_);
    add_alone(out.other_tokens, known_, workers_);
    if (known_.vocabulary) compare(expected_, out);
    return out;
  }

 private:
  // Of the stage of each block as weights have it: before the first the primary one's.
  static std::size_t stage_of(const Observation& o, std::size_t block) {
    const std::int32_t own = o.blocks[block].stage;
    return static_cast<std::size_t>(std::max(own >= 0 ? own : o.primary_stage, 0));
  }

  void add_directions(const KnownOfWeights& known, TextObservation& out) const {
    const Observation& o = known.observation;
    const std::size_t count = std::max<std::size_t>(o.stages.size(), 1);
    std::vector<Eigen::VectorXd> sums(count);
    std::vector<double> norms(count, 0);
    out.stages.resize(count);
    for (std::size_t l = 1; l < blocks_.size(); ++l) {
      const BlockStates& block = blocks_[l];
      const bool before_the_first = !o.stages.empty() && o.blocks[l].stage < 0;
      if (block.sum.size() == 0 || before_the_first) continue;
      const std::size_t s = stage_of(o, l);
      if (sums[s].size() == 0) sums[s] = Eigen::VectorXd::Zero(block.sum.size());
      sums[s] += block.sum;
      norms[s] += block.norms;
      out.stages[s].states += high_norm(block);
    }
    for (std::size_t s = 0; s < count; ++s) {
      if (sums[s].size() == 0) continue;
      out.stages[s].alignment = sums[s].norm() / norms[s];
      const Eigen::VectorXf unit = sums[s].normalized().cast<float>();
      out.stages[s].direction.assign(unit.begin(), unit.end());
      if (!o.stages.empty()) {
        out.stages[s].angle_to_weights = angle_degrees(sums[s], to_double(o.stages[s].direction));
      }
    }
    for (std::size_t l = 0; l < blocks_.size(); ++l) {
      const BlockStates& states = blocks_[l];
      TextBlock& block = out.blocks.emplace_back();
      block.block = static_cast<std::int32_t>(l);
      block.reference_norm = median(states.medians);
      block.high_norm_initial = states.high_norm_initial;
      block.high_norm_others = std::ssize(states.others_norms);
      block.initial_norm = median(states.initial_norms);
      block.others_norm = median(states.others_norms);
      block.growth = median(states.growths);
      if (l == 0) continue;
      const std::size_t s = stage_of(o, l);
      if (!o.stages.empty() && states.sum.size() > 0) {
        block.angle_to_weights = angle_degrees(states.sum, to_double(o.stages[s].direction));
      }
      if (sums[s].size() == 0 || known.vectors.singular.size() + 1 != blocks_.size()) continue;
      block.singular_angle = angle_degrees(sums[s], known.vectors.singular[l - 1]);
      block.eigen_angle = angle_to_span(sums[s], known.vectors.eigen[l - 1]);
    }
  }

  static std::int64_t high_norm(const BlockStates& block) {
    return block.high_norm_initial + std::ssize(block.others_norms);
  }

  // Of each position but the first, which is no matter of attention.
  std::vector<std::int32_t> expected_at(const at::Tensor& ids) const {
    std::vector<std::int32_t> blocks(static_cast<std::size_t>(ids.size(1)), 0);
    const torch::Tensor all = ids.contiguous();
    for (std::size_t t = 1; t < blocks.size(); ++t) {
      const auto found = expected_.find(all.data_ptr<std::int64_t>()[t]);
      if (found != expected_.end()) blocks[t] = found->second;
    }
    return blocks;
  }

  KnownOfWeights known_;
  Workers& workers_;
  std::vector<std::size_t> mixers_;
  Expected expected_;
  std::vector<BlockStates> blocks_;
  Tokens initial_;
  Tokens others_;
  Perplexity perplexity_;
};

TextStudy::TextStudy(const KnownOfWeights& known, Workers& workers)
    : state_(std::make_unique<State>(known, workers)) {}
TextStudy::~TextStudy() = default;
TextStudy::TextStudy(TextStudy&&) noexcept = default;
TextStudy& TextStudy::operator=(TextStudy&&) noexcept = default;

void TextStudy::read(const Decoder& decoder, const at::Tensor& ids) { state_->read(decoder, ids); }

TextObservation TextStudy::result() const { return state_->result(); }

}  // namespace azimuth
