#pragma once

#include "azimuth/linear_map.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

/// A weight matrix in host memory, of any stored type: unpacked tile by tile as it is multiplied,
/// never inflated. Does not own the memory. The result does not depend on the number of threads.
class HostMap final : public LinearMap {
 public:
  HostMap(TensorView view, MatrixPart part, Nudge nudge = {});

  std::int64_t rows() const override { return part_.outputs; }
  std::int64_t columns() const override { return inputs_; }
  void apply(const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y,
             Workers& workers) const override;
  void apply(const Eigen::Ref<const Eigen::MatrixXd>& X, Eigen::Ref<Eigen::MatrixXd> Y,
             Workers& workers) const override;
  void apply_transpose(const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y,
                       Workers& workers) const override;
  void apply_transpose(const Eigen::Ref<const Eigen::MatrixXd>& X, Eigen::Ref<Eigen::MatrixXd> Y,
                       Workers& workers) const override;
  void unpack_rows(std::int64_t first, Eigen::Ref<Eigen::MatrixXf> out) const override;

 private:
  template <class Matrix>
  void multiply(bool transpose, const Eigen::Ref<const Matrix>& X, Eigen::Ref<Matrix> Y,
                Workers& workers) const;

  TensorView view_;
  MatrixPart part_;
  Nudge nudge_;
  std::int64_t inputs_ = 0;
};

}  // namespace azimuth
