#include "support/dense_block.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "azimuth/workers.h"
#include "model/activation.h"

namespace azimuth::testing {

Eigen::MatrixXd dense(const LinearMap& map) {
  Workers workers;
  Eigen::MatrixXd Y(map.rows(), map.columns());
  map.apply(Eigen::MatrixXd::Identity(map.columns(), map.columns()), Y, workers);
  return Y;
}

double activate(Activation activation, double x, const Xielu& xielu) {
  Eigen::MatrixXd X = Eigen::MatrixXd::Constant(1, 1, x);
  azimuth::activate(activation, X, xielu);
  return X(0, 0);
}

namespace {

// The middles of short steps between -10 and 10, none of which crosses `a` or `b`, and what an
// average over N(0, 1) gives them.
struct Steps {
  Eigen::VectorXd t, weight;

  Steps(double a, double b) {
    constexpr double kReach = 10;
    constexpr double kLength = 0.005;
    std::array ends = {-kReach, std::clamp(a, -kReach, kReach), std::clamp(b, -kReach, kReach),
                       kReach};
    std::ranges::sort(ends);
    std::vector<double> middles, lengths;
    for (std::size_t piece = 0; piece + 1 < ends.size(); ++piece) {
      const double width = ends[piece + 1] - ends[piece];
      const double count = std::ceil(width / kLength);
      for (int i = 0; i < count; ++i) {
        middles.push_back(ends[piece] + (i + 0.5) * width / count);
        lengths.push_back(width / count);
      }
    }
    const auto size = static_cast<Eigen::Index>(middles.size());
    t = Eigen::Map<const Eigen::VectorXd>(middles.data(), size);
    weight = (-t.array().square() / 2).exp() / std::sqrt(2 * std::numbers::pi) *
             Eigen::Map<const Eigen::ArrayXd>(lengths.data(), size);
  }
};

}  // namespace

Eigen::MatrixXd dense_fit(Activation activation, const Eigen::MatrixXd& W, const Eigen::VectorXd& b,
                          const Eigen::MatrixXd* U, const Eigen::VectorXd& c, const Xielu& xielu) {
  Eigen::MatrixXd fit(W.rows(), W.cols());
  for (Eigen::Index row = 0; row < W.rows(); ++row) {
    const Eigen::VectorXd w = W.row(row);
    const double s = w.norm();
    const Eigen::VectorXd along = w / s;
    const Eigen::VectorXd u = U != nullptr ? U->row(row).transpose().eval() : 0 * w;
    const auto& [t, weight] = Steps(-b[row] / s, (xielu.edge - b[row]) / s);
    // u = (what lies along w) + across, and z = t along + the rest.
    const double u_along = u.dot(along);
    Eigen::MatrixXd value = (b[row] + s * t.array()).matrix();
    azimuth::activate(activation, value, xielu);
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

Eigen::VectorXd dense_bias(const Projection& p) {
  if (p.bias.size() == 0) return Eigen::VectorXd::Zero(p.map->rows());
  return p.bias.cast<double>();
}

// The mean over the states, an RMS norm in front.
Eigen::VectorXd dense_gate(const Norm& norm, const Projection& gate,
                           const Eigen::MatrixXd& states) {
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(gate.map->rows());
  for (const Eigen::VectorXd h : states.colwise()) {
    const double length = std::sqrt(h.squaredNorm() / static_cast<double>(h.size()) + norm.epsilon);
    const Eigen::VectorXd x = norm.weight.cast<double>().cwiseProduct(h) / length;
    const Eigen::VectorXd logits = dense(*gate.map) * x + dense_bias(gate);
    for (Eigen::Index i = 0; i < sum.size(); ++i) sum[i] += 1 / (1 + std::exp(-logits[i]));
  }
  return sum / static_cast<double>(states.cols());
}

Eigen::MatrixXd dense_attention(const Attention& attention, const Norm& norm,
                                const Eigen::MatrixXd& states) {
  const Eigen::MatrixXd value = dense(*attention.value.map);
  const Eigen::Index size = attention.head_size;
  Eigen::MatrixXd repeat = Eigen::MatrixXd::Zero(value.rows() * attention.repeats, value.rows());
  for (Eigen::Index i = 0; i < repeat.rows(); ++i) {
    repeat(i, i / size / attention.repeats * size + i % size) = 1;
  }
  if (attention.gate) {
    repeat = dense_gate(norm, attention.gate, states).asDiagonal() * repeat;
  }
  return dense(*attention.output.map) * repeat * value;
}

Eigen::MatrixXd dense_ffn(const FeedForward& ffn) {
  const Eigen::MatrixXd up = dense(*ffn.up.map);
  const Eigen::VectorXd up_bias = dense_bias(ffn.up);
  const Eigen::MatrixXd inner =
      ffn.gate ? dense_fit(ffn.activation, dense(*ffn.gate.map), dense_bias(ffn.gate), &up, up_bias,
                           ffn.xielu)
               : dense_fit(ffn.activation, up, up_bias, nullptr, {}, ffn.xielu);
  return dense(*ffn.down.map) * inner;
}

}  // namespace

DenseBlock::DenseBlock(const BlockWeights& block, const Eigen::MatrixXd& states) {
  const auto* const front = std::get_if<Attention>(&block.mixers.front().work);
  const Eigen::Index d = front != nullptr
                             ? front->output.map->rows()
                             : std::get<FeedForward>(block.mixers.front().work).down.map->rows();
  const Eigen::MatrixXd I = Eigen::MatrixXd::Identity(d, d);
  A = F = 0 * I;
  L = I;
  Eigen::MatrixXd read;
  for (const Mixer& mixer : block.mixers) {
    const auto* const attention = std::get_if<Attention>(&mixer.work);
    Eigen::MatrixXd& M = attention != nullptr ? A : F;
    M = dense_norm(mixer.output_norm, d) *
        (attention != nullptr ? dense_attention(*attention, mixer.norm, states)
                              : dense_ffn(std::get<FeedForward>(mixer.work))) *
        dense_norm(mixer.norm, d);
    if (!mixer.beside) read = L;
    L += M * read;
  }
}

}  // namespace azimuth::testing
