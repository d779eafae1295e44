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

namespace {

Eigen::MatrixXd dense_norm(const Norm& norm, Eigen::Index d) {
  const Eigen::MatrixXd I = Eigen::MatrixXd::Identity(d, d);
  Eigen::MatrixXd N = I;
  if (norm.weight.size() > 0) N = norm.weight.cast<double>().asDiagonal();
  if (norm.kind == NormKind::layer) {
    N *= I - Eigen::MatrixXd::Constant(d, d, 1.0 / static_cast<double>(d));
  }
  return N;
}

Eigen::MatrixXd dense_attention(const Attention& attention) {
  const Eigen::MatrixXd value = dense(*attention.value.map);
  const Eigen::Index size = attention.head_size;
  Eigen::MatrixXd repeat = Eigen::MatrixXd::Zero(value.rows() * attention.repeats, value.rows());
  for (Eigen::Index i = 0; i < repeat.rows(); ++i) {
    repeat(i, i / size / attention.repeats * size + i % size) = 1;
  }
  return dense(*attention.output.map) * repeat * value;
}

Eigen::MatrixXd dense_ffn(const FeedForward& ffn) {
  const auto bias = [](const Projection& p) {
    return p.bias.size() > 0 ? p.bias.cast<double>().eval()
                             : Eigen::VectorXd::Zero(p.map->rows()).eval();
  };
  const Eigen::MatrixXd up = dense(*ffn.up.map);
  const Eigen::VectorXd up_bias = bias(ffn.up);
  const Eigen::MatrixXd inner =
      ffn.gate ? dense_fit(ffn.activation, dense(*ffn.gate.map), bias(ffn.gate), &up, up_bias)
               : dense_fit(ffn.activation, up, up_bias, nullptr, {});
  return dense(*ffn.down.map) * inner;
}

}  // namespace

DenseBlock::DenseBlock(const BlockWeights& block) {
  const Mixer& attention = *block.mixer<Attention>();
  const Mixer& ffn = *block.mixer<FeedForward>();
  const Eigen::Index d = std::get<Attention>(attention.work).output.map->rows();
  const auto normed = [d](const Mixer& mixer, const Eigen::MatrixXd& M) -> Eigen::MatrixXd {
    return dense_norm(mixer.output_norm, d) * M * dense_norm(mixer.norm, d);
  };
  A = normed(attention, dense_attention(std::get<Attention>(attention.work)));
  F = normed(ffn, dense_ffn(std::get<FeedForward>(ffn.work)));
  const Eigen::MatrixXd I = Eigen::MatrixXd::Identity(d, d);
  L = ffn.beside ? (I + A + F).eval() : ((I + F) * (I + A)).eval();
}

}  // namespace azimuth::testing
