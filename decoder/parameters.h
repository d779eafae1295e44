#pragma once

#include <ATen/core/Tensor.h>

#include <Eigen/Core>
#include <cstdint>
#include <unordered_map>

#include "azimuth/mixers.h"
#include "azimuth/roles.h"

namespace azimuth {

/// A linear map of a decoder, and which it is.
struct LinearParameters {
  Role role = Role::head_weight;
  std::int64_t block = 0;    ///< from 1; 0: outside the blocks
  std::int64_t member = -1;  ///< from 0: which expert; -1: of none
  at::Tensor weight;         ///< outputs × inputs
  at::Tensor bias;           ///< undefined: none
};

/// The tensors that stand for the projections and vectors of mixers, which are known by where these
/// lie in memory.
class Parameters {
 public:
  void add(const Projection& projection, LinearParameters parameters) {
    maps_.insert_or_assign(&projection, std::move(parameters));
  }
  void add(const Eigen::VectorXf& vector, at::Tensor parameter) {
    vectors_.insert_or_assign(&vector, std::move(parameter));
  }

  const LinearParameters& of(const Projection& projection) const { return maps_.at(&projection); }
  /// Undefined for an empty vector.
  at::Tensor of(const Eigen::VectorXf& vector) const {
    return vector.size() == 0 ? at::Tensor() : vectors_.at(&vector);
  }

 private:
  std::unordered_map<const Projection*, LinearParameters> maps_;
  std::unordered_map<const Eigen::VectorXf*, at::Tensor> vectors_;
};

}  // namespace azimuth
