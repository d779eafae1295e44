#include "azimuth/model_weights.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "azimuth/host_map.h"
#include "model/sha256.h"

namespace azimuth {
namespace {

[[noreturn]] void reject(const NamedTensor& tensor, const std::string& why) {
  throw std::invalid_argument("azimuth: tensor " + tensor.name + ": " + why);
}

std::string text_of(const std::vector<std::int64_t>& shape) {
  std::string text = "{";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "}";
}

void expect_shape(const NamedTensor& tensor, const std::vector<std::int64_t>& shape) {
  if (tensor.view.shape != shape) {
    reject(tensor,
           "shape " + text_of(tensor.view.shape) + " where " + text_of(shape) + " is expected");
  }
}

// Seeds differ from tensor to tensor, so that equal weights are not moved alike.
Nudge nudge_for(Nudge nudge, std::size_t tensor) {
  return {nudge.active, nudge.seed * 0x9e3779b97f4a7c15ull + tensor};
}

// The tensors of one snapshot by role and block, with the checks that each use of one needs.
class TensorsByRole {
 public:
  TensorsByRole(const NamedTensors& tensors, std::span<const BoundTensor> bound, Nudge nudge)
      : tensors_(tensors), nudge_(nudge) {
    for (const BoundTensor& b : bound) index_[{b.role, b.block}] = b.tensor;
  }

  bool has(Role role, std::int64_t block) const { return index_.contains({role, block}); }

  const NamedTensor& at(Role role, std::int64_t block) const {
    return tensors_.tensors[index_.at({role, block})];
  }

  Eigen::VectorXf vector(Role role, std::int64_t block, std::int64_t size, std::int64_t first,
                         std::int64_t count) const {
    const NamedTensor& tensor = at(role, block);
    expect_shape(tensor, {size});
    if (tensor.view.data == nullptr) reject(tensor, "does not lie in host memory");
    Eigen::VectorXf all(size);
    unpack(tensor.view, 0, 1, all.data(), nudge_for(nudge_, index_.at({role, block})));
    return all.segment(first, count);
  }

  Eigen::VectorXf vector_or_empty(Role role, std::int64_t block, std::int64_t size) const {
    return has(role, block) ? vector(role, block, size, 0, size) : Eigen::VectorXf();
  }

  // Outputs [first, first + count) of a matrix with `outputs` outputs and `inputs` inputs.
  std::shared_ptr<const LinearMap> map(Role role, std::int64_t block, bool transposed,
                                       std::int64_t outputs, std::int64_t inputs,
                                       std::int64_t first, std::int64_t count) const {
    const NamedTensor& tensor = at(role, block);
    expect_shape(tensor, transposed ? std::vector{inputs, outputs} : std::vector{outputs, inputs});
    const Nudge nudge = nudge_for(nudge_, index_.at({role, block}));
    if (tensor.view.data == nullptr) {
      if (!tensor.device_map) reject(tensor, "has no data");
      auto map = tensor.device_map(first, count, transposed);
      return nudge.active ? map->nudged(nudge.seed) : map;
    }
    return std::make_shared<HostMap>(tensor.view, HostMap::Part{first, count, transposed}, nudge);
  }

  std::size_t index(Role role, std::int64_t block) const { return index_.at({role, block}); }

 private:
  const NamedTensors& tensors_;
  Nudge nudge_;
  std::map<std::pair<Role, std::int64_t>, std::size_t> index_;
};

}  // namespace

ModelWeights ModelWeights::from_tensors(Architecture architecture, NamedTensors tensors,
                                        const RoleNames& extra) {
  ModelWeights weights;
  weights.architecture_ = std::move(architecture);
  weights.bound_ = bind_roles(weights.architecture_, tensors.tensors, extra);
  weights.tensors_ = std::make_shared<const NamedTensors>(std::move(tensors));
  weights.build({});
  return weights;
}

void ModelWeights::build(Nudge nudge) {
  nudge_ = nudge;
  const TensorsByRole tensors(*tensors_, bound_, nudge);
  const NamedTensor& embedding = tensors.at(Role::token_embedding, 0);
  if (embedding.view.shape.size() != 2) {
    reject(embedding, "shape " + text_of(embedding.view.shape) + " is not that of a matrix");
  }
  vocab_size_ = embedding.view.shape[0];
  hidden_size_ = embedding.view.shape[1];
  const std::int64_t d = hidden_size_;

  // GPT-2's Conv1D keeps its matrices transposed, nanoGPT's nn.Linear does not: the fused matrix,
  // which is not square, tells which.
  const bool fused = tensors.has(Role::query_key_value_weight, 1);
  bool transposed = false;
  std::int64_t value_size = 0;
  if (fused) {
    const NamedTensor& first = tensors.at(Role::query_key_value_weight, 1);
    transposed = first.view.shape == std::vector{d, 3 * d};
    value_size = d;
    if (d % architecture_.heads != 0) reject(first, "hidden size is no multiple of the heads");
    head_size_ = d / architecture_.heads;
  } else {
    const NamedTensor& first = tensors.at(Role::value_weight, 1);
    value_size = first.view.shape.empty() ? 0 : first.view.shape[0];
    if (value_size < 1 || value_size % architecture_.kv_heads != 0) {
      reject(first, "shape " + text_of(first.view.shape) + " does not hold " +
                        std::to_string(architecture_.kv_heads) + " KV heads");
    }
    head_size_ = value_size / architecture_.kv_heads;
  }
  const NamedTensor& first_up = tensors.at(Role::up_weight, 1);
  if (first_up.view.shape.size() != 2) {
    reject(first_up, "shape " + text_of(first_up.view.shape) + " is not that of a matrix");
  }
  ffn_size_ = first_up.view.shape[transposed ? 1 : 0];
  const std::int64_t f = ffn_size_;
  const std::int64_t attention_size = architecture_.heads * head_size_;

  blocks_.clear();
  const std::int64_t block_count = bound_.back().block;
  for (std::int64_t b = 1; b <= block_count; ++b) {
    BlockWeights w;
    w.attention_norm = {tensors.vector(Role::attention_norm_weight, b, d, 0, d),
                        tensors.vector_or_empty(Role::attention_norm_bias, b, d)};
    if (fused) {
      w.value = tensors.map(Role::query_key_value_weight, b, transposed, 3 * d, d, 2 * d, d);
      if (tensors.has(Role::query_key_value_bias, b)) {
        w.value_bias = tensors.vector(Role::query_key_value_bias, b, 3 * d, 2 * d, d);
      }
    } else {
      w.value = tensors.map(Role::value_weight, b, transposed, value_size, d, 0, value_size);
      w.value_bias = tensors.vector_or_empty(Role::value_bias, b, value_size);
    }
    w.output = tensors.map(Role::output_weight, b, transposed, d, attention_size, 0, d);
    w.output_bias = tensors.vector_or_empty(Role::output_bias, b, d);
    w.ffn_norm = {tensors.vector(Role::ffn_norm_weight, b, d, 0, d),
                  tensors.vector_or_empty(Role::ffn_norm_bias, b, d)};
    if (architecture_.gated_ffn) {
      w.gate = tensors.map(Role::gate_weight, b, transposed, f, d, 0, f);
    }
    w.up = tensors.map(Role::up_weight, b, transposed, f, d, 0, f);
    w.up_bias = tensors.vector_or_empty(Role::up_bias, b, f);
    w.down = tensors.map(Role::down_weight, b, transposed, d, f, 0, d);
    w.down_bias = tensors.vector_or_empty(Role::down_bias, b, d);
    blocks_.push_back(std::move(w));
  }
}

Eigen::MatrixXf ModelWeights::embed(std::span<const std::int64_t> token_ids) const {
  const TensorsByRole tensors(*tensors_, bound_, nudge_);
  const NamedTensor& table = tensors.at(Role::token_embedding, 0);
  const Nudge nudge = nudge_for(nudge_, tensors.index(Role::token_embedding, 0));
  Eigen::MatrixXf states(hidden_size_, static_cast<std::int64_t>(token_ids.size()));
  for (std::int64_t i = 0; i < states.cols(); ++i) {
    const std::int64_t id = token_ids[static_cast<std::size_t>(i)];
    std::int64_t row = id;
    if (!table.row_ids.empty()) {
      const auto found = std::ranges::find(table.row_ids, id);
      row = found == table.row_ids.end() ? -1 : found - table.row_ids.begin();
    }
    if (row < 0 || id >= vocab_size_) {
      throw std::out_of_range("azimuth: no embedding of token id " + std::to_string(id) +
                              " (vocabulary of " + std::to_string(vocab_size_) + ")");
    }
    unpack(table.view, row, 1, states.col(i).data(), nudge);
  }
  if (architecture_.learned_positions) {
    const NamedTensor& positions = tensors.at(Role::position_embedding, 0);
    if (positions.view.shape.size() != 2 || positions.view.shape[1] != hidden_size_) {
      reject(positions, "shape " + text_of(positions.view.shape) + " does not fit hidden size " +
                            std::to_string(hidden_size_));
    }
    Eigen::VectorXf first(hidden_size_);
    unpack(positions.view, 0, 1, first.data(),
           nudge_for(nudge_, tensors.index(Role::position_embedding, 0)));
    states.colwise() += first;
  }
  return states;
}

ModelWeights ModelWeights::nudged(std::uint64_t seed) const {
  ModelWeights copy = *this;
  copy.build({true, seed});
  return copy;
}

ModelInfo ModelWeights::info() const {
  ModelInfo info;
  info.architecture = architecture_.name;
  info.hidden_size = hidden_size_;
  info.ffn_size = ffn_size_;
  info.block_count = static_cast<std::int64_t>(blocks_.size());
  info.vocab_size = vocab_size_;
  info.parameter_count = tensors_->parameter_count;

  // Of what the pass reads, in canonical order; not of the embedding, which may be there in part.
  Sha256 sum;
  for (const BoundTensor& bound : bound_) {
    if (!is_read_by_pass(bound.role) || bound.role == Role::token_embedding) continue;
    const NamedTensor& tensor = tensors_->tensors[bound.tensor];
    const std::uint64_t words =
        tensor.view.data != nullptr
            ? HostMap(tensor.view, {0, tensor.view.rows(), false}).word_sum()
            : tensor.device_map(0, tensor.view.shape[0], false)->word_sum();
    sum.add(&words, sizeof words);
  }
  info.weights_fingerprint = sum.hexadecimal().substr(0, 16);
  return info;
}

std::string ModelWeights::digest() const {
  Sha256 list;
  for (const BoundTensor& bound : bound_) {
    const NamedTensor& tensor = tensors_->tensors[bound.tensor];
    if (tensor.view.data == nullptr || !tensor.row_ids.empty()) return {};
    Sha256 sum;
    sum.add(std::string(name_of(bound.role)) + " " + std::to_string(bound.block) + " " +
            text_of(tensor.view.shape) + " " + std::string(name_of(tensor.view.type)) + "\n");
    sum.add(tensor.view.data, static_cast<std::size_t>(tensor.view.bytes()));
    list.add(sum.hexadecimal() + "\n");
  }
  return list.hexadecimal();
}

}  // namespace azimuth
