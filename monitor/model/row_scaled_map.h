#pragma once

#include <Eigen/Core>
#include <memory>
#include <mutex>

#include "azimuth/linear_map.h"

namespace azimuth {

/// Another map with each row scaled: by a given factor, or to a given length, as DoRA does it (Liu
/// et al., "DoRA", arXiv 2402.09353, section 4.1; here and in PEFT a row of W is what the paper has
/// as a column). There a row of zeros stays one, and the rows are read once, by the first product.
class RowScaledMap final : public LinearMap {
 public:
  /// `lengths` has one number for each row of `map`.
  RowScaledMap(std::shared_ptr<const LinearMap> map, Eigen::VectorXf lengths);
  /// What each row is multiplied with.
  struct Factors {
    Eigen::VectorXd of_rows;
  };
  RowScaledMap(std::shared_ptr<const LinearMap> map, Factors factors);

  std::int64_t rows() const override { return map_->rows(); }
  std::int64_t columns() const override { return map_->columns(); }
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
  const Eigen::VectorXd& scales(Workers& workers) const;

  std::shared_ptr<const LinearMap> map_;
  Eigen::VectorXf lengths_;  // empty: the factors are given
  mutable std::once_flag read_;
  mutable Eigen::VectorXd scales_;
};

}  // namespace azimuth
