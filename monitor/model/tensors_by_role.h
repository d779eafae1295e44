#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "azimuth/low_rank_update.h"
#include "azimuth/mixers.h"
#include "azimuth/model_weights.h"
#include "azimuth/roles.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

/// Throws std::invalid_argument, naming the tensor.
[[noreturn]] void reject(const NamedTensor& tensor, const std::string& why);

/// The view of a tensor that lies in host memory as a whole; every other is rejected.
const TensorView& in_host_memory(const NamedTensor& tensor);

/// Seeds differ from tensor to tensor, so that equal weights are not moved alike.
Nudge nudge_for(Nudge nudge, std::size_t tensor);

/// The tensors of one snapshot by role and block, with the checks that each use of one needs: all
/// throw std::invalid_argument, naming the tensor. Refers to what it is made of.
class TensorsByRole {
 public:
  TensorsByRole(const NamedTensors& tensors, std::span<const BoundTensor> bound,
                std::span<const BoundUpdate> updates, Nudge nudge);

  bool has(Role role, std::int64_t block, std::int64_t member = 0) const {
    return index_.contains({role, block, member});
  }
  std::size_t index(Role role, std::int64_t block, std::int64_t member = 0) const {
    return index_.at({role, block, member});
  }
  const NamedTensor& at(Role role, std::int64_t block, std::int64_t member = 0) const {
    return tensors_.tensors[index(role, block, member)];
  }

  /// What updates a tensor; null: nothing.
  const LowRankUpdate* update(Role role, std::int64_t block, std::int64_t member = 0) const;

  Eigen::VectorXf vector(Role role, std::int64_t block, std::int64_t size,
                         std::int64_t member = 0) const;
  Eigen::VectorXf vector_or_empty(Role role, std::int64_t block, std::int64_t size,
                                  std::int64_t member = 0) const;
  /// Of a matrix of few numbers, row after row.
  Eigen::VectorXf all_rows(Role role, std::int64_t block) const;
  /// Of a convolution over tokens, a channel a row (with or without the dimension of 1 that PyTorch
  /// puts between): its taps, a channel a column.
  Eigen::MatrixXf taps(Role role, std::int64_t block, std::int64_t channels,
                       std::int64_t taps) const;
  /// Of a tensor of one number.
  double number(Role role, std::int64_t block) const;
  /// As the architecture's norms are; NormKind::none where there are no weights.
  Norm norm(Role weight, Role bias, std::int64_t block, std::int64_t size,
            const Architecture& architecture) const;

  /// How a matrix is stored: {outputs, inputs}, or the reverse.
  struct Shape {
    std::int64_t outputs;
    std::int64_t inputs;
    bool transposed;
  };

  /// `count` outputs of a matrix from `first`, each `stride` behind the last, or all of them, with
  /// what updates it.
  std::shared_ptr<const LinearMap> map(Role role, std::int64_t block, std::int64_t member,
                                       const Shape& shape, std::int64_t first, std::int64_t count,
                                       std::int64_t stride = 1) const;
  std::shared_ptr<const LinearMap> map(Role role, std::int64_t block, std::int64_t member,
                                       const Shape& shape) const {
    return map(role, block, member, shape, 0, shape.outputs);
  }

  /// Several runs of outputs, first and count of each, one below the other: the values of a fused
  /// matrix that keeps them head by head.
  Projection runs(Role weight, Role bias, std::int64_t block, const Shape& shape,
                  std::span<const std::pair<std::int64_t, std::int64_t>> runs) const;

 private:
  using Place = std::tuple<Role, std::int64_t, std::int64_t>;

  const NamedTensors& tensors_;
  Nudge nudge_;
  std::map<Place, std::size_t> index_;
  std::map<Place, const LowRankUpdate*> updates_;
};

}  // namespace azimuth
