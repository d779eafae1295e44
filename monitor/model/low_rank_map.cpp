#include "model/low_rank_map.h"

#include <utility>

namespace azimuth {
namespace {

// Every form of operand that Eigen multiplies is code of its own, slow to compile. What is copied
// here is small beside the base.
template <class Scalar>
using Dense = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

template <class Scalar>
Dense<Scalar> product(const Dense<Scalar>& A, const Eigen::Ref<const Dense<Scalar>>& B) {
  return A * B;
}

}  // namespace

LowRankMap::LowRankMap(std::shared_ptr<const LinearMap> base, Eigen::MatrixXf a, Eigen::MatrixXf b)
    : base_(std::move(base)), a_(std::move(a)), b_(std::move(b)) {}

void LowRankMap::apply(const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y,
                       Workers& workers) const {
  base_->apply(X, Y, workers);
  Y += product<float>(b_, product<float>(a_, X));
}

void LowRankMap::apply(const Eigen::Ref<const Eigen::MatrixXd>& X, Eigen::Ref<Eigen::MatrixXd> Y,
                       Workers& workers) const {
  base_->apply(X, Y, workers);
  Y += product<double>(b_.cast<double>(), product<double>(a_.cast<double>(), X));
}

void LowRankMap::apply_transpose(const Eigen::Ref<const Eigen::MatrixXf>& X,
                                 Eigen::Ref<Eigen::MatrixXf> Y, Workers& workers) const {
  base_->apply_transpose(X, Y, workers);
  Y += product<float>(a_.transpose(), product<float>(b_.transpose(), X));
}

void LowRankMap::apply_transpose(const Eigen::Ref<const Eigen::MatrixXd>& X,
                                 Eigen::Ref<Eigen::MatrixXd> Y, Workers& workers) const {
  base_->apply_transpose(X, Y, workers);
  Y += product<double>(a_.cast<double>().transpose(),
                       product<double>(b_.cast<double>().transpose(), X));
}

void LowRankMap::unpack_rows(std::int64_t first, Eigen::Ref<Eigen::MatrixXf> out) const {
  base_->unpack_rows(first, out);
  out += product<float>(a_.transpose(), b_.middleRows(first, out.cols()).transpose());
}

}  // namespace azimuth
