#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/decoded_rows.h"
#include "azimuth/device_tensor.h"
#include "azimuth/model_weights.h"
#include "azimuth/sha256.h"
#include "azimuth/workers.h"
#include "model/tensors_by_role.h"

// What a model is known by: its sizes, its fingerprint and its digest.
namespace azimuth {
namespace {

/// Numbers that are held at once of a tensor that is read in pieces, if a row is not longer.
constexpr std::int64_t kPiece = 65536;

/// A tensor that is all there, some rows at a time, in host memory.
class Pieces {
 public:
  explicit Pieces(const NamedTensor& tensor)
      : tensor_(tensor),
        rows_(tensor.row_ids.empty() ? tensor.view.rows()
                                     : static_cast<std::int64_t>(tensor.row_ids.size())),
        at_once_(
            std::max<std::int64_t>(1, kPiece / std::max<std::int64_t>(1, tensor.view.columns()))) {}

  /// False: there are no more. The piece is valid until the next call.
  bool next(TensorView& piece) {
    if (first_ >= rows_) return false;
    const std::int64_t count = std::min(at_once_, rows_ - first_);
    const std::vector<std::int64_t> shape = {count, tensor_.view.columns()};
    if (tensor_.device != nullptr) {
      buffer_.resize(static_cast<std::size_t>(count * tensor_.view.row_bytes()));
      tensor_.device->read_rows(first_, count, buffer_.data());
      piece = {tensor_.view.type, shape, buffer_.data()};
    } else {
      piece = part_of(tensor_.view, first_, shape);
    }
    first_ += count;
    return true;
  }

 private:
  const NamedTensor& tensor_;
  std::int64_t rows_;
  std::int64_t at_once_;
  std::int64_t first_ = 0;
  std::vector<std::byte> buffer_;
};

std::uint16_t bfloat16_of(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return static_cast<std::uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
}

void add_rounded(Sha256& sum, const float* values, std::int64_t count) {
  std::vector<std::uint16_t> rounded(static_cast<std::size_t>(count));
  std::transform(values, values + count, rounded.begin(), bfloat16_of);
  sum.add(rounded.data(), rounded.size() * sizeof(std::uint16_t));
}

void add_rounded(Sha256& sum, const NamedTensor& tensor) {
  Pieces pieces(tensor);
  std::vector<float> values;
  for (TensorView piece; pieces.next(piece);) {
    values.resize(static_cast<std::size_t>(piece.size()));
    unpack(piece, 0, piece.rows(), values.data());
    add_rounded(sum, values.data(), piece.size());
  }
}

// All that is stored of it.
void add_stored(Sha256& sum, const NamedTensor& tensor) {
  const auto add = [&](const TensorView& view) {
    for (const std::span<const std::byte> bytes : stored_bytes(view)) {
      sum.add(bytes.data(), bytes.size());
    }
  };
  if (tensor.view.type == StoredType::in_pieces) return add(tensor.view);
  Pieces pieces(tensor);
  for (TensorView piece; pieces.next(piece);) add(piece);
}

std::string_view storage_of(const TensorView& view) {
  return view.decoded != nullptr ? view.decoded->method() : name_of(view.type);
}

bool is_all_there(const NamedTensor& tensor) {
  return tensor.placement() == Placement::host || tensor.placement() == Placement::device;
}

/// Of two tensors of one type and shape.
bool same_bytes(const NamedTensor& a, const NamedTensor& b) {
  if (a.device == nullptr && a.view.data == b.view.data) return true;
  if (a.view.type == StoredType::in_pieces) {
    const auto same = [](std::span<const std::byte> left, std::span<const std::byte> right) {
      return std::ranges::equal(left, right);
    };
    return storage_of(a.view) == storage_of(b.view) &&
           std::ranges::equal(stored_bytes(a.view), stored_bytes(b.view), same);
  }
  Pieces of_a(a);
  Pieces of_b(b);
  TensorView left;
  TensorView right;
  while (of_a.next(left) && of_b.next(right)) {
    if (std::memcmp(left.data, right.data, static_cast<std::size_t>(left.bytes())) != 0)
      return false;
  }
  return true;
}

/// Calls `task` for each, those that read a device on the calling thread: a device has threads of
/// its own, and its library is called from one of ours, as elsewhere.
void for_each(Workers& workers, std::size_t count,
              const std::function<bool(std::size_t)>& on_device,
              const std::function<void(std::size_t)>& task) {
  workers.for_each(static_cast<std::int64_t>(count), [&](std::int64_t index) {
    const auto i = static_cast<std::size_t>(index);
    if (!on_device(i)) task(i);
  });
  for (std::size_t i = 0; i < count; ++i) {
    if (on_device(i)) task(i);
  }
}

std::string heading(const BoundTensor& bound, const std::vector<std::int64_t>& shape) {
  return std::string(name_of(bound.role)) + " " + std::to_string(bound.block) + " " +
         (bound.member > 0 ? std::to_string(bound.member) + " " : "") + shape_text(shape) + " ";
}

std::vector<std::int64_t> shape_of(const LowRankUpdate& update) {
  return {update.b.rows(), update.a.rows(), update.a.cols()};
}

void add_update(Sha256& sum, const BoundUpdate& bound) {
  const LowRankUpdate& update = *bound.update;
  sum.add(heading(bound.place, shape_of(update)) + "update\n");
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
    return is_all_there(tensor) ? &tensor : nullptr;
  };
  const NamedTensor* const head = found(Role::head_weight);
  const NamedTensor* const embedding = found(Role::token_embedding);
  if (head == nullptr || embedding == nullptr) return nullptr;
  const TensorView& a = head->view;
  const TensorView& b = embedding->view;
  if (a.type != b.type || a.shape != b.shape) return nullptr;
  return same_bytes(*head, *embedding) ? head : nullptr;
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
    if (!is_read_by_pass(architecture_, bound) || is_table_of_tokens(bound.role)) continue;
    tensors.push_back(&tensors_->tensors[bound.tensor]);
  }
  std::vector<std::uint64_t> words(tensors.size());
  const auto on_device = [&](std::size_t i) { return tensors[i]->device != nullptr; };
  for_each(workers, tensors.size(), on_device, [&](std::size_t i) {
    words[i] =
        on_device(i) ? tensors[i]->device->word_sum() : word_sum(in_host_memory(*tensors[i]));
  });
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

// All tensors that have a role, with all their rows.
bool ModelWeights::is_whole() const {
  return std::ranges::all_of(bound_, [&](const BoundTensor& bound) {
    return is_all_there(tensors_->tensors[bound.tensor]);
  });
}

std::string ModelWeights::digest(Workers& workers) const {
  if (!is_whole()) return {};
  std::vector<BoundTensor> hashed = bound_;
  if (const NamedTensor* const head = tied_head()) {
    std::erase_if(hashed, [&](const BoundTensor& bound) {
      return bound.role == Role::head_weight && &tensors_->tensors[bound.tensor] == head;
    });
  }
  std::vector<std::string> sums(hashed.size() + rows_.size() + updates_.size());
  const auto on_device = [&](std::size_t i) {
    return i < hashed.size() && tensors_->tensors[hashed[i].tensor].device != nullptr;
  };
  for_each(workers, sums.size(), on_device, [&](std::size_t i) {
    Sha256 sum;
    if (i < hashed.size()) {
      const NamedTensor& tensor = tensors_->tensors[hashed[i].tensor];
      sum.add(heading(hashed[i], tensor.view.shape) + std::string(storage_of(tensor.view)) + "\n");
      add_stored(sum, tensor);
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

std::string ModelWeights::bfloat16_digest(Workers& workers) const {
  if (!is_whole()) return {};
  const std::size_t rows_end = bound_.size() + rows_.size();
  std::vector<std::string> headings(rows_end + updates_.size());
  std::vector<std::string> sums(headings.size());
  const auto on_device = [&](std::size_t i) {
    return i < bound_.size() && tensors_->tensors[bound_[i].tensor].device != nullptr;
  };
  for_each(workers, sums.size(), on_device, [&](std::size_t i) {
    Sha256 sum;
    if (i < bound_.size()) {
      const NamedTensor& tensor = tensors_->tensors[bound_[i].tensor];
      headings[i] = heading(bound_[i], tensor.view.shape);
      add_rounded(sum, tensor);
    } else if (i < rows_end) {
      const auto& [place, rows] = rows_[i - bound_.size()];
      headings[i] = heading(place, rows.view.shape) + "rows ";
      sum.add(rows.row_ids.data(), rows.row_ids.size() * sizeof(std::int64_t));
      add_rounded(sum, rows);
    } else {
      const BoundUpdate& bound = updates_[i - rows_end];
      const LowRankUpdate& update = *bound.update;
      headings[i] = heading(bound.place, shape_of(update)) + "update ";
      add_rounded(sum, update.b.data(), update.b.size());
      add_rounded(sum, update.a.data(), update.a.size());
      add_rounded(sum, update.magnitude.data(), update.magnitude.size());
    }
    sums[i] = sum.hexadecimal();
  });
  const auto found = [&](Role role) {
    return static_cast<std::size_t>(std::ranges::find(bound_, role, &BoundTensor::role) -
                                    bound_.begin());
  };
  const std::size_t head = found(Role::head_weight);
  const std::size_t embedding = found(Role::token_embedding);
  const bool tied = head < bound_.size() && sums[head] == sums[embedding] &&
                    stored_shape(Role::head_weight, 0) == stored_shape(Role::token_embedding, 0);
  Sha256 list;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (!tied || i != head) list.add(headings[i] + sums[i] + "\n");
  }
  return list.hexadecimal();
}

std::string ModelWeights::digest() const {
  Workers one;
  return digest(one);
}

}  // namespace azimuth
