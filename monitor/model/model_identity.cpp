#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "azimuth/device_tensor.h"
#include "azimuth/model_weights.h"
#include "azimuth/sha256.h"
#include "azimuth/workers.h"
#include "model/tensors_by_role.h"

// What a model is known by: its sizes, its fingerprint and its digest.
namespace azimuth {
namespace {

std::string heading(const BoundTensor& bound, const std::vector<std::int64_t>& shape) {
  return std::string(name_of(bound.role)) + " " + std::to_string(bound.block) + " " +
         (bound.member > 0 ? std::to_string(bound.member) + " " : "") + shape_text(shape) + " ";
}

void add_update(Sha256& sum, const BoundUpdate& bound) {
  const LowRankUpdate& update = *bound.update;
  sum.add(heading(bound.place, {update.b.rows(), update.a.rows(), update.a.cols()}) + "update\n");
  for (const Eigen::MatrixXf* factor : {&update.b, &update.a}) {
    sum.add(factor->data(), static_cast<std::size_t>(factor->size()) * sizeof(float));
  }
  const Eigen::VectorXf& lengths = update.magnitude;
  sum.add(lengths.data(), static_cast<std::size_t>(lengths.size()) * sizeof(float));
}

void add_rows(Sha256& sum, const BoundTensor& place, const NamedTensor& rows) {
  const TensorView& view = rows.view;
  sum.add(heading(place, view.shape) + std::string(name_of(view.type)) + " rows\n");
  sum.add(rows.row_ids.data(), rows.row_ids.size() * sizeof(std::int64_t));
  sum.add(view.data, rows.row_ids.size() * static_cast<std::size_t>(view.row_bytes()));
}

// Those of all tensors but one; what is one in memory counts once.
std::int64_t numbers_in(const std::vector<NamedTensor>& tensors, const NamedTensor& left_out) {
  std::set<const std::byte*> places;
  std::int64_t numbers = 0;
  for (const NamedTensor& tensor : tensors) {
    if (&tensor != &left_out && places.insert(tensor.view.data).second)
      numbers += tensor.view.size();
  }
  return numbers;
}

}  // namespace

// The stored copy of a tied head; null where there is none.
const NamedTensor* ModelWeights::tied_head() const {
  const auto found = [&](Role role) -> const NamedTensor* {
    const auto bound = std::ranges::find(bound_, role, &BoundTensor::role);
    if (bound == bound_.end()) return nullptr;
    const NamedTensor& tensor = tensors_->tensors[bound->tensor];
    return tensor.placement() == Placement::host ? &tensor : nullptr;
  };
  const NamedTensor* const head = found(Role::head_weight);
  const NamedTensor* const embedding = found(Role::token_embedding);
  if (head == nullptr || embedding == nullptr) return nullptr;
  const TensorView& a = head->view;
  const TensorView& b = embedding->view;
  if (a.type != b.type || a.shape != b.shape) return nullptr;
  const bool same =
      a.data == b.data || std::memcmp(a.data, b.data, static_cast<std::size_t>(a.bytes())) == 0;
  return same ? head : nullptr;
}

ModelInfo ModelWeights::sizes() const {
  ModelInfo info;
  info.architecture = architecture_.name;
  info.hidden_size = hidden_size_;
  info.ffn_size = ffn_size_;
  info.block_count = static_cast<std::int64_t>(blocks_.size());
  info.vocab_size = vocab_size_;
  info.parameter_count = tensors_->parameter_count;
  if (const NamedTensor* const head = tied_head()) {
    // Unless whoever counted has left it out.
    const std::int64_t others = numbers_in(tensors_->tensors, *head);
    if (info.parameter_count == others + head->view.size()) info.parameter_count = others;
  }
  return info;
}

std::string ModelWeights::fingerprint(Workers& workers) const {
  std::vector<const NamedTensor*> tensors;
  for (const BoundTensor& bound : bound_) {
    if (!is_read_by_pass(bound.role) || bound.role == Role::token_embedding) continue;
    tensors.push_back(&tensors_->tensors[bound.tensor]);
  }
  std::vector<std::uint64_t> words(tensors.size());
  workers.for_each(static_cast<std::int64_t>(tensors.size()), [&](std::int64_t index) {
    const auto i = static_cast<std::size_t>(index);
    if (tensors[i]->placement() == Placement::device) return;
    words[i] = word_sum(in_host_memory(*tensors[i]));
  });
  // A device has threads of its own; its library is called from one of ours, as elsewhere.
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i]->placement() == Placement::device) words[i] = tensors[i]->device->word_sum();
  }
  Sha256 sum;
  sum.add(words.data(), words.size() * sizeof(std::uint64_t));
  for (const auto& [place, rows] : rows_) add_rows(sum, place, rows);
  for (const BoundUpdate& bound : updates_) add_update(sum, bound);
  return sum.hexadecimal().substr(0, 16);
}

std::string ModelWeights::fingerprint() const {
  Workers one;
  return fingerprint(one);
}

std::string ModelWeights::digest(Workers& workers) const {
  const auto is_whole = [&](const BoundTensor& bound) {
    return tensors_->tensors[bound.tensor].placement() == Placement::host;
  };
  if (!std::ranges::all_of(bound_, is_whole)) return {};
  std::vector<BoundTensor> hashed = bound_;
  if (const NamedTensor* const head = tied_head()) {
    std::erase_if(hashed, [&](const BoundTensor& bound) {
      return bound.role == Role::head_weight && &tensors_->tensors[bound.tensor] == head;
    });
  }
  std::vector<std::string> sums(hashed.size() + rows_.size() + updates_.size());
  workers.for_each(static_cast<std::int64_t>(sums.size()), [&](std::int64_t index) {
    const auto i = static_cast<std::size_t>(index);
    Sha256 sum;
    if (i < hashed.size()) {
      const TensorView& view = tensors_->tensors[hashed[i].tensor].view;
      sum.add(heading(hashed[i], view.shape) + std::string(name_of(view.type)) + "\n");
      sum.add(view.data, static_cast<std::size_t>(view.bytes()));
    } else if (i < hashed.size() + rows_.size()) {
      const auto& [place, rows] = rows_[i - hashed.size()];
      add_rows(sum, place, rows);
    } else {
      add_update(sum, updates_[i - hashed.size() - rows_.size()]);
    }
    sums[i] = sum.hexadecimal() + "\n";
  });
  Sha256 list;
  for (const std::string& sum : sums) list.add(sum);
  return list.hexadecimal();
}

std::string ModelWeights::digest() const {
  Workers one;
  return digest(one);
}

}  // namespace azimuth
