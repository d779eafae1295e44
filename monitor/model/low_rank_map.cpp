#include "model/low_rank_map.h"

#include <utility>

namespace azimuth {

LowRankMap::LowRankMap(std::shared_ptr<const LinearMap> base, Eigen::MatrixXf a, Eigen::MatrixXf b)
    : base_(std::move(base)), a_(std::move(a)), b_(std::move(b)) {}

void LowRankMap::apply(const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y,
                       Workers& workers) const {
  base_->apply(X, Y, workers);
  Y += b_ * (a_ * X).eval();
}

void LowRankMap::apply(const Eigen::Ref<const Eigen::MatrixXd>& X, Eigen::Ref<Eigen::MatrixXd> Y,
                       Workers& workers) const {
  base_->apply(X, Y, workers);
  Y += b_.cast<double>() * (a_.cast<double>() * X).eval();
}

void LowRankMap::apply_transpose(const Eigen::Ref<const Eigen::MatrixXf>& X,
                                 Eigen::Ref<Eigen::MatrixXf> Y, Workers& workers) const {
  base_->apply_transpose(X, Y, workers);
  Y += a_.transpose() * (b_.transpose() * X).eval();
}

void LowRankMap::apply_transpose(const Eigen::Ref<const Eigen::MatrixXd>& X,
                                 Eigen::Ref<Eigen::MatrixXd> Y, Workers& workers) const {
  base_->apply_transpose(X, Y, workers);
  Y += a_.cast<double>().transpose() * (b_.cast<double>().transpose() * X).eval();
}

void LowRankMap::unpack_rows(std::int64_t first, Eigen::Ref<Eigen::MatrixXf> out) const {
  base_->unpack_rows(first, out);
  out += a_.transpose() * b_.middleRows(first, out.cols()).transpose();
}

}  // namespace azimuth
