#include "support/dense_block.h"

#include <cmath>
#include <numbers>

#include "azimuth/workers.h"
#include "model/activation.h"

namespace azimuth::testing {

Eigen::MatrixXd dense(const LinearMap& map) {
  Workers workers;
  Eigen::MatrixXd Y(map.rows(), map.columns());
  map.apply(Eigen::MatrixXd::Identity(map.columns(), map.columns()), Y, workers);
  return Y;
}

double activate(Activation activation, double x) {
  Eigen::MatrixXd X = Eigen::MatrixXd::Constant(1, 1, x);
  azimuth::activate(activation, X);
  return X(0, 0);
}

Eigen::MatrixXd dense_fit(Activation activation, const Eigen::MatrixXd& W, const Eigen::VectorXd& b,
                          const Eigen::MatrixXd* U, const Eigen::VectorXd& c) {
  constexpr int kSteps = 4000;
  constexpr double kReach = 10;
  const Eigen::VectorXd t = Eigen::VectorXd::LinSpaced(kSteps + 1, -kReach, kReach);
  const Eigen::VectorXd weight =
      (-t.array().square() / 2).exp() / std::sqrt(2 * std::numbers::pi) * 2 * kReach / kSteps;
  Eigen::MatrixXd fit(W.rows(), W.cols());
  for (Eigen::Index row = 0; row < W.rows(); ++row) {
    const Eigen::VectorXd w = W.row(row);
    const double s = w.norm();
    const Eigen::VectorXd along = w / s;
    const Eigen::VectorXd u = U != nullptr ? U->row(row).transpose().eval() : 0 * w;
    // u = (what lies along w) + across, and z = t along + the rest.
    const double u_along = u.dot(along);
    Eigen::MatrixXd value = (b[row] + s * t.array()).matrix();
    azimuth::activate(activation, value);
    const Eigen::VectorXd weighted = weight.cwiseProduct(value.col(0));
    const double alone = weighted.sum();
    const double first = weighted.dot(t);
    const double times_t =
        U == nullptr ? first : u_along * weighted.dot(t.cwiseAbs2()) + c[row] * first;
    fit.row(row) = (times_t * along + alone * (u - u_along * along)).transpose();
  }
  return fit;
}

DenseBlock::DenseBlock(const ModelWeights& weights, const BlockWeights& block) {
  const Architecture& a = weights.architecture();
  const Eigen::Index d = weights.hidden_size();
  const Eigen::MatrixXd I = Eigen::MatrixXd::Identity(d, d);
  const auto norm = [&](const Norm& n) -> Eigen::MatrixXd {
    if (n.weight.size() == 0) return I;
    const Eigen::MatrixXd scale = n.weight.cast<double>().asDiagonal();
    if (a.norm == NormKind::rms) return scale;
    return scale * (I - Eigen::MatrixXd::Constant(d, d, 1.0 / static_cast<double>(d)));
  };
  const Eigen::Index size = weights.head_size();
  Eigen::MatrixXd repeat = Eigen::MatrixXd::Zero(a.heads * size, a.kv_heads * size);
  for (Eigen::Index i = 0; i < repeat.rows(); ++i) {
    const Eigen::Index kv_head = i / size * a.kv_heads / a.heads;
    repeat(i, kv_head * size + i % size) = 1;
  }
  A = norm(block.attention_output_norm) * dense(*block.output) * repeat * dense(*block.value) *
      norm(block.attention_norm);

  const FfnWeights& ffn = block.ffn.front();
  const auto bias = [&](const Eigen::VectorXf& b, Eigen::Index n) {
    return b.size() > 0 ? b.cast<double>().eval() : Eigen::VectorXd::Zero(n).eval();
  };
  const Eigen::MatrixXd up = dense(*ffn.up);
  const Eigen::VectorXd up_bias = bias(ffn.up_bias, up.rows());
  Eigen::MatrixXd inner;
  if (a.gated_ffn) {
    inner = dense_fit(a.activation, dense(*ffn.gate), bias(ffn.gate_bias, up.rows()), &up, up_bias);
  } else {
    inner = dense_fit(a.activation, up, up_bias, nullptr, {});
  }
  F = norm(block.ffn_output_norm) * dense(*ffn.down) * inner * norm(block.ffn_norm);
  L = a.parallel ? (I + A + F).eval() : ((I + F) * (I + A)).eval();
}

}  // namespace azimuth::testing
