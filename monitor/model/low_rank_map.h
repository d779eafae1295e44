#pragma once

#include <memory>

#include "azimuth/linear_map.h"

namespace azimuth {

/// W + B A without forming it: another map with a product of two thin matrices on top.
class LowRankMap final : public LinearMap {
 public:
  /// `a` is rank × columns of `base`, `b` rows of `base` × rank.
  LowRankMap(std::shared_ptr<const LinearMap> base, Eigen::MatrixXf a, Eigen::MatrixXf b);

  std::int64_t rows() const override { return base_->rows(); }
  std::int64_t columns() const override { return base_->columns(); }
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
  std::shared_ptr<const LinearMap> base_;
  Eigen::MatrixXf a_;
  Eigen::MatrixXf b_;
};

}  // namespace azimuth
