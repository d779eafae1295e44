#pragma once

#include <ATen/core/Tensor.h>

#include <Eigen/Core>
#include <unordered_map>
#include <utility>
#include <vector>

#include "azimuth/mixers.h"
#include "azimuth/products.h"

namespace azimuth {

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
  /// In no order.
  std::vector<LinearParameters> linear_maps() const {
    std::vector<LinearParameters> all;
    for (const auto& [projection, linear] : maps_) all.push_back(linear);
    return all;
  }
  /// Undefined for an empty vector.
  at::Tensor of(const Eigen::VectorXf& vector) const {
    return vector.size() == 0 ? at::Tensor() : vectors_.at(&vector);
  }

 private:
  std::unordered_map<const Projection*, LinearParameters> maps_;
  std::unordered_map<const Eigen::VectorXf*, at::Tensor> vectors_;
};

}  // namespace azimuth
