#include "azimuth/text_study.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <cstddef>
#include <iterator>
#include <stdexcept>
#include <unordered_map>

#include "analysis/text_figures.h"
#include "analysis/text_states.h"
#include "azimuth/median.h"
#include "azimuth/perplexity.h"
#include "tokens_alone.h"

namespace azimuth {
namespace {

std::vector<double> numbers(const torch::Tensor& tensor) {
  const torch::Tensor all = tensor.to(torch::kCPU, torch::kFloat64).contiguous();
  return {all.data_ptr<double>(), all.data_ptr<double>() + all.numel()};
}

std::vector<double> norms_of(const torch::Tensor& states) {
  return numbers(torch::linalg_vector_norm(states.to(torch::kFloat32), 2, {1}, false));
}

torch::Tensor rows_of(const torch::Tensor& states, const std::vector<std::int64_t>& rows) {
  return states.index_select(0, torch::tensor(rows, torch::kInt64).to(states.device()));
}

// Behind block `block`; `before` is what the residual stream was behind its attention. Both are
// {length, hidden_size}.
void add_states(SequenceStates& sequence, std::vector<TextBlockStates>& blocks, std::int32_t block,
                const torch::Tensor& states, const torch::Tensor& before) {
  const std::vector<double> norms = norms_of(states);
  const double ordinary = median(norms);
  std::vector<float> ratios;
  for (const double norm : norms) ratios.push_back(static_cast<float>(norm / ordinary));
  const auto [high, asked] = sequence.add(block, ordinary, ratios);
  if (!asked.empty()) {
    const std::vector<double> responses =
        norms_of(rows_of(states, asked).to(torch::kFloat32) - rows_of(before, asked));
    for (std::size_t i = 0; i < asked.size(); ++i) sequence.respond(asked[i], responses[i]);
  }
  if (high.empty()) return;
  const std::vector<double> sum = numbers(rows_of(states, high).sum(0, false, torch::kFloat64));
  blocks[static_cast<std::size_t>(block)].add(
      Eigen::Map<const Eigen::VectorXd>(sum.data(), std::ssize(sum)));
}

using Alone = std::unordered_map<std::int64_t, TokenAlone>;

// `predicted` is known, and is what is asked for where a token explodes at the block where it does
// by itself, or does not at all.
void add_alone(std::vector<TextToken>& tokens, const KnownOfWeights& known, const Alone& predicted,
               Workers& workers) {
  std::vector<std::size_t> open;
  std::vector<std::int64_t> ids;
  std::vector<std::int32_t> blocks;
  const auto add = [](TextToken& token, const TokenAlone& alone) {
    token.ratio_alone = alone.ratio;
    if (token.explosion_block > 0) token.response_alone = alone.response;
  };
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto found = predicted.find(tokens[i].id);
    if (found != predicted.end() && found->second.explosion_block == tokens[i].explosion_block) {
      add(tokens[i], found->second);
      continue;
    }
    open.push_back(i);
    ids.push_back(tokens[i].id);
    blocks.push_back(tokens[i].explosion_block);
  }
  const auto alone =
      tokens_alone(known.weights, known.observation, known.high_norm_ratio, ids, blocks, workers);
  for (std::size_t i = 0; i < open.size(); ++i) add(tokens[open[i]], alone[i]);
}

void complete(TextPrediction& counts) {
  const auto share = [&](std::int64_t of) {
    return of == 0 ? kNotApplicable : static_cast<double>(counts.both) / static_cast<double>(of);
  };
  counts.precision = share(counts.predicted);
  counts.recall = share(counts.exploded);
}

void compare(const ExpectedBlocks& predicted, TextObservation& out) {
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
    for (std::size_t i = 0; i < ids.size(); ++i) {
      alone_[ids[i]] = alone[i];
      expected_[ids[i]] = alone[i].explosion_block;
    }
  }

  void read(const Decoder& decoder, const at::Tensor& given) {
    if (given.dim() != 2 || given.size(0) != 1 || given.scalar_type() != torch::kInt64) {
      throw std::invalid_argument("token ids are not one sequence, {1, length} of int64");
    }
    const torch::NoGradGuard no_grad;
    const torch::Tensor ids = given.cpu().contiguous();
    SequenceStates sequence(blocks_, known_.high_norm_ratio, expected_at(ids));
    torch::Tensor before;
    const auto tap = [&](std::int64_t block, std::size_t mixer, const torch::Tensor& states) {
      const torch::Tensor all = states[0];
      const std::size_t last = block == 0 ? 0 : mixers_[static_cast<std::size_t>(block - 1)];
      if (mixer == last) {
        add_states(sequence, blocks_, static_cast<std::int32_t>(block), all,
                   before.defined() ? before : all);
      }
      before = all;
    };
    perplexity_.add(decoder.forward(ids, tap), ids);
    sequence.count({ids.data_ptr<std::int64_t>(), static_cast<std::size_t>(ids.numel())}, initial_,
                   others_);
  }

  TextObservation result() const {
    TextObservation out;
    out.perplexity = perplexity_.value();
    add_figures(blocks_, known_.observation, known_.vectors, out);
    out.initial_tokens = listed(initial_, {});
    out.other_tokens = listed(others_, expected_);
    add_alone(out.other_tokens, known_, alone_, workers_);
    if (known_.vocabulary) compare(expected_, out);
    return out;
  }

 private:
  // Of each position but the first, which is no matter of attention.
  std::vector<std::int32_t> expected_at(const at::Tensor& ids) const {
    std::vector<std::int32_t> blocks(static_cast<std::size_t>(ids.size(1)), 0);
    for (std::size_t t = 1; t < blocks.size(); ++t) {
      const auto found = expected_.find(ids.data_ptr<std::int64_t>()[t]);
      if (found != expected_.end()) blocks[t] = found->second;
    }
    return blocks;
  }

  KnownOfWeights known_;
  Workers& workers_;
  std::vector<std::size_t> mixers_;
  Alone alone_;  // the predicted ones
  ExpectedBlocks expected_;
  std::vector<TextBlockStates> blocks_;
  TokensById initial_;
  TokensById others_;
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
