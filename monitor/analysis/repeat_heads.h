#pragma once

#include <Eigen/Core>

#include "azimuth/architecture.h"

namespace azimuth {

/// What attention's output matrix reads of one key: the value of each KV head, once for every head
/// that shares it. A column a token.
template <class Scalar>
Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> repeat_heads(
    const Architecture& architecture, Eigen::Index head_size,
    const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>& values) {
  if (architecture.heads == architecture.kv_heads) return values;
  const Eigen::Index repeats = architecture.heads / architecture.kv_heads;
  Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> repeated(architecture.heads * head_size,
                                                                 values.cols());
  for (Eigen::Index head = 0; head < architecture.heads; ++head) {
    repeated.middleRows(head * head_size, head_size) =
        values.middleRows(head / repeats * head_size, head_size);
  }
  return repeated;
}

}  // namespace azimuth
