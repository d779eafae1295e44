#include "azimuth/host_product.h"

#include "model/kernels.h"

namespace azimuth {
namespace {

/// The columns of `a` lie in memory as rows of weights do.
WeightRows rows_of_transposed(const Eigen::Ref<const Eigen::MatrixXf>& a) {
  return {.type = StoredType::f32,
          .data = reinterpret_cast<const std::byte*>(a.data()),
          .stride = a.outerStride() * static_cast<std::int64_t>(sizeof(float)),
          .rows = a.cols(),
          .columns = a.rows()};
}

}  // namespace

void multiply_transposed(const Eigen::Ref<const Eigen::MatrixXf>& A,
                         const Eigen::Ref<const Eigen::MatrixXf>& X,
                         Eigen::Ref<Eigen::MatrixXf> Y) {
  kernels().multiply_f32(rows_of_transposed(A), X.data(), X.outerStride(), X.cols(), Y.data(),
                         Y.outerStride());
}

void add_product(const Eigen::Ref<const Eigen::MatrixXf>& A,
                 const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y) {
  kernels().multiply_transposed_f32(rows_of_transposed(A), X.data(), X.outerStride(), X.cols(),
                                    Y.data(), Y.outerStride());
}

}  // namespace azimuth
