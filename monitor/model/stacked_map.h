#pragma once

#include <memory>
#include <vector>

#include "azimuth/linear_map.h"

namespace azimuth {

/// Several maps of the same inputs, their outputs one below the other: the values of a fused matrix
/// that keeps them head by head.
class StackedMap final : public LinearMap {
 public:
  explicit StackedMap(std::vector<std::shared_ptr<const LinearMap>> parts);

  std::int64_t rows() const override { return rows_; }
  std::int64_t columns() const override { return parts_.front()->columns(); }
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
  std::vector<std::shared_ptr<const LinearMap>> parts_;
  std::int64_t rows_ = 0;
};

}  // namespace azimuth
