#include "text_states.h"

#include <torch/types.h>

#include <algorithm>
#include <utility>

#include "azimuth/median.h"

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

std::vector<double> responses_of(const std::vector<std::int64_t>& rows, const torch::Tensor& states,
                                 const torch::Tensor& before) {
  if (rows.empty()) return {};
  return norms_of(rows_of(states, rows).to(torch::kFloat32) - rows_of(before, rows));
}

}  // namespace

SequenceStates::SequenceStates(std::vector<BlockStates>& blocks, double high_norm_ratio,
                               std::vector<std::int32_t> expected)
    : blocks_(blocks),
      high_norm_ratio_(high_norm_ratio),
      expected_(std::move(expected)),
      positions_(expected_.size()) {}

void SequenceStates::add(std::int32_t block, const at::Tensor& states, const at::Tensor& before) {
  BlockStates& all = blocks_[static_cast<std::size_t>(block)];
  std::vector<double> norms = norms_of(states);
  const double ordinary = median(norms);
  all.medians.push_back(ordinary);
  all.initial_norms.push_back(norms.front());
  std::vector<std::int64_t> high;
  std::vector<std::int64_t> expected;
  for (std::size_t t = 0; block > 0 && t < norms.size(); ++t) {
    const double ratio = norms[t] / ordinary;
    positions_[t].peak_ratio = std::max(positions_[t].peak_ratio, ratio);
    if (ratio >= high_norm_ratio_) {
      high.push_back(static_cast<std::int64_t>(t));
    } else if (expected_[t] == block) {
      expected.push_back(static_cast<std::int64_t>(t));
    }
  }
  const std::vector<double> quiet = responses_of(expected, states, before);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    Position& position = positions_[static_cast<std::size_t>(expected[i])];
    if (position.first_block == 0) position.response = quiet[i];
  }
  const std::vector<double> responses = responses_of(high, states, before);
  for (std::size_t i = 0; i < high.size(); ++i) {
    const auto t = static_cast<std::size_t>(high[i]);
    Position& position = positions_[t];
    position.last_block = block;
    if (position.first_block == 0) {
      position.first_block = block;
      position.response = responses[i];
    }
    all.norms += norms[t];
    all.growths.push_back(norms[t] / last_norms_[t]);
    if (t == 0) {
      ++all.high_norm_initial;
    } else {
      all.others_norms.push_back(norms[t]);
    }
  }
  if (!high.empty()) {
    const std::vector<double> sum = numbers(rows_of(states, high).sum(0, false, torch::kFloat64));
    if (all.sum.size() == 0) all.sum = Eigen::VectorXd::Zero(std::ssize(sum));
    all.sum += Eigen::Map<const Eigen::VectorXd>(sum.data(), std::ssize(sum));
  }
  last_norms_ = std::move(norms);
}

void SequenceStates::count(const at::Tensor& ids,
                           std::unordered_map<std::int64_t, TokenStates>& initial,
                           std::unordered_map<std::int64_t, TokenStates>& others) const {
  const std::int64_t* const id = ids.data_ptr<std::int64_t>();
  for (std::size_t t = 0; t < positions_.size(); ++t) {
    const Position& position = positions_[t];
    TokenStates& token = (t == 0 ? initial : others)[id[t]];
    if (position.peak_ratio > token.peak_ratio) {
      token.peak_ratio = position.peak_ratio;
      token.explosion_block = position.first_block > 0 ? position.first_block : expected_[t];
      token.response = position.response;
    }
    ++token.occurrences;
    if (position.first_block == 0) continue;
    token.first_block = token.high_norm == 0 ? position.first_block
                                             : std::min(token.first_block, position.first_block);
    token.last_block = std::max(token.last_block, position.last_block);
    ++token.high_norm;
  }
}

}  // namespace azimuth
