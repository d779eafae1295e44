#include "model/activation.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <stdexcept>

#include "model/enumerators.h"
#include "model/quadrature.h"

// All that is known of an activation. Every switch names all of them and has no default, so that
// the compiler names every place that a new one misses.
namespace azimuth {
namespace {

static_assert(std::ranges::is_sorted(kActivations, std::ranges::less_equal()) &&
                  !is_enumerator<static_cast<Activation>(std::size(kActivations))>(),
              "kActivations must list every activation, in order");

// Of the tanh GELU.
constexpr double kCubic = 0.044715;

}  // namespace

std::string_view name_of(Activation activation) {
  switch (activation) {
    case Activation::silu:
      return "silu";
    case Activation::relu:
      return "relu";
    case Activation::gelu:
      return "gelu";
    case Activation::gelu_tanh:
      return "gelu_tanh";
    case Activation::relu2:
      return "relu2";
    case Activation::xielu:
      return "xielu";
  }
  throw std::invalid_argument("no such activation");
}

std::span<const std::string_view> configured_names(Activation activation) {
  static constexpr std::string_view silu[] = {"silu", "swish"};
  static constexpr std::string_view relu[] = {"relu"};
  static constexpr std::string_view gelu[] = {"gelu", "gelu_python"};
  static constexpr std::string_view gelu_tanh[] = {"gelu_new", "gelu_fast", "gelu_accurate",
                                                   "gelu_pytorch_tanh", "gelu_python_tanh"};
  static constexpr std::string_view relu2[] = {"relu2"};
  static constexpr std::string_view xielu[] = {"xielu"};
  switch (activation) {
    case Activation::silu:
      return silu;
    case Activation::relu:
      return relu;
    case Activation::gelu:
      return gelu;
    case Activation::gelu_tanh:
      return gelu_tanh;
    case Activation::relu2:
      return relu2;
    case Activation::xielu:
      return xielu;
  }
  throw std::invalid_argument("no such activation");
}

std::optional<Activation> activation_named(std::string_view configured) {
  const auto is_so_called = [&](Activation activation) {
    return std::ranges::count(configured_names(activation), configured) > 0;
  };
  const auto found = std::ranges::find_if(kActivations, is_so_called);
  return found == std::end(kActivations) ? std::nullopt : std::optional(*found);
}

// The array's exp, expm1 and tanh are vectorised by Eigen in float32; in float64 accuracy is the
// point.
template <class Scalar>
void activate(Activation activation, Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>& X,
              const Xielu& xielu) {
  auto x = X.array();
  switch (activation) {
    case Activation::silu:
      x = x / (Scalar{1} + (-x).exp());
      return;
    case Activation::relu:
      x = x.max(Scalar{0});
      return;
    case Activation::relu2:
      x = x.max(Scalar{0}).square();
      return;
    case Activation::xielu: {
      const auto positive = static_cast<Scalar>(xielu.positive);
      const auto negative = static_cast<Scalar>(xielu.negative);
      const auto edge = static_cast<Scalar>(xielu.edge);
      x = (x > Scalar{0}).select(positive * x.square(), negative * (x.min(edge).expm1() - x)) +
          static_cast<Scalar>(xielu.linear) * x;
      return;
    }
    case Activation::gelu_tanh: {
      const auto scale = static_cast<Scalar>(std::sqrt(2 / std::numbers::pi));
      x = Scalar{0.5} * x * (Scalar{1} + (scale * (x + Scalar(kCubic) * x.cube())).tanh());
      return;
    }
    case Activation::gelu: {
      const auto scale = static_cast<Scalar>(1 / std::numbers::sqrt2);
      x = x.unaryExpr(
          [scale](Scalar v) { return Scalar{0.5} * v * (Scalar{1} + std::erf(v * scale)); });
      return;
    }
  }
}

template void activate<float>(Activation, Eigen::MatrixXf&, const Xielu&);
template void activate<double>(Activation, Eigen::MatrixXd&, const Xielu&);

namespace {

// How the integrals are made.
//
// ReLU, its square, xIELU and the erf GELU: in closed form. The others are `x σ(v(x))` with an odd
// `v` (SiLU: v = x; tanh GELU: v = 2 √(2/π) (x + 0.044715 x³)), analytic in a strip of
// half-width 2.5 about the real line, by composite Gauss-Legendre quadrature with ten nodes on
// panels of half-width 1 or less, which leaves an error of about 1e-13:
// - narrow Gaussians (deviation < 1): act, act' and act'' themselves, over mean ± 9 deviations;
// - wide ones: ReLU's closed form and the remainder act − ReLU, which has a kink at 0, where the
//   panels begin, and falls off exponentially, so that they end at `kReach`. act'' falls off by
//   itself.
// Further out than `kFar` a narrow Gaussian sees nothing but ReLU.
constexpr double kFar = 50;
constexpr double kWide = 1;

double density(double t) { return std::exp(-t * t / 2) / std::sqrt(2 * std::numbers::pi); }
double probability(double t) { return std::erfc(-t / std::numbers::sqrt2) / 2; }

GaussianMoments of_relu(double mean, double deviation) {
  if (deviation == 0) return {std::max(mean, 0.0), mean > 0 ? 1.0 : 0.0, 0};
  const double t = mean / deviation;
  return {mean * probability(t) + deviation * density(t), probability(t), density(t) / deviation};
}

// Of ReLU's square; its derivatives are twice ReLU and twice ReLU's own derivative.
GaussianMoments of_relu2(double mean, double deviation) {
  const GaussianMoments relu = of_relu(mean, deviation);
  return {mean * relu.value + deviation * deviation * relu.slope, 2 * relu.value, 2 * relu.slope};
}

// E[exp(a); a ≤ edge], without overflow: Φ(−z) exp(mean + deviation²/2).
double exp_below(double edge, double mean, double deviation) {
  const double u = (edge - mean) / deviation;
  const double z = deviation - u;
  constexpr double kFarTail = 25;  // from here on Φ(−z) by its asymptotic series, good to 1e-13
  if (z < kFarTail) return probability(-z) * std::exp(mean + deviation * deviation / 2);
  const double q = 1 / (z * z);
  const double series = 1 - q * (1 - 3 * q * (1 - 5 * q * (1 - 7 * q * (1 - 9 * q))));
  return std::exp(edge) * density(u) / z * series;
}

// b E[a] + p E[a²; a > 0] + n E[exp(min(a, edge)) − 1 − a; a ≤ 0] and its two derivatives by the
// mean. The last expectation is that of exp below the edge, of a constant between it and 0, and of
// ReLU(−a).
GaussianMoments of_xielu(const Xielu& xielu, double mean, double deviation) {
  const double edge = std::min(xielu.edge, 0.0);
  const double plateau = std::expm1(edge);
  if (deviation == 0) {
    if (mean > 0) {
      return {mean * (xielu.positive * mean + xielu.linear),
              2 * xielu.positive * mean + xielu.linear, 0};
    }
    const double exp_slope = mean < edge ? std::exp(mean) : 0;
    return {xielu.negative * (std::expm1(std::min(mean, edge)) - mean) + xielu.linear * mean,
            xielu.negative * (exp_slope - 1) + xielu.linear, 0};
  }
  const GaussianMoments square = of_relu2(mean, deviation);
  const GaussianMoments left = of_relu(-mean, deviation);
  const double t = mean / deviation;
  const double u = (edge - mean) / deviation;
  const double below = exp_below(edge, mean, deviation);
  const double at_zero = density(t) / deviation;
  const double value = below - std::exp(edge) * probability(u) + plateau * left.slope + left.value;
  const double slope = below - plateau * at_zero - left.slope;
  const double curvature =
      below - std::exp(edge) * density(u) / deviation + (plateau * t / deviation + 1) * at_zero;
  return {xielu.linear * mean + xielu.positive * square.value + xielu.negative * value,
          xielu.linear + xielu.positive * square.slope + xielu.negative * slope,
          xielu.positive * square.curvature + xielu.negative * curvature};
}

// E[a Φ(a)] by Stein's lemma, and its two derivatives by the mean.
GaussianMoments of_gelu(double mean, double deviation) {
  const double width = std::hypot(1.0, deviation);
  const double t = mean / width;
  const double share = 1 / (width * width);
  return {mean * probability(t) + deviation * (deviation / width) * density(t),
          probability(t) + t * share * density(t),
          density(t) / width * (1 + share - t * t * share)};
}

// `x σ(v(x))` and its derivatives at x, from u = σ(−v).
struct Gate {
  Eigen::ArrayXd shut;  // σ(−v) = 1 − σ(v)
  Eigen::ArrayXd v1;    // v'
  Eigen::ArrayXd v2;    // v''

  Eigen::ArrayXd value(const Eigen::ArrayXd& x) const { return x * (1 - shut); }
  Eigen::ArrayXd slope(const Eigen::ArrayXd& x) const { return (1 - shut) * (1 + x * shut * v1); }
  Eigen::ArrayXd curvature(const Eigen::ArrayXd& x) const {
    return shut * (1 - shut) * (2 * v1 + x * ((2 * shut - 1) * v1.square() + v2));
  }
};

using GateAt = Gate (*)(const Eigen::ArrayXd& x);

Gate silu_gate(const Eigen::ArrayXd& x) {
  return {1 / (1 + x.exp()), Eigen::ArrayXd::Ones(x.size()), Eigen::ArrayXd::Zero(x.size())};
}

Gate gelu_tanh_gate(const Eigen::ArrayXd& x) {
  const double scale = 2 * std::sqrt(2 / std::numbers::pi);
  return {1 / (1 + (scale * (x + kCubic * x.cube())).exp()), scale * (1 + 3 * kCubic * x.square()),
          scale * 6 * kCubic * x};
}

GaussianMoments of_narrow(GateAt gate_at, double mean, double deviation) {
  static const Quadrature standard = [] {
    Quadrature q(-9, 9);
    q.weights *= (-q.nodes.square() / 2).exp() / std::sqrt(2 * std::numbers::pi);
    return q;
  }();
  const Eigen::ArrayXd x = mean + deviation * standard.nodes;
  const Gate gate = gate_at(x);
  return {(standard.weights * gate.value(x)).sum(), (standard.weights * gate.slope(x)).sum(),
          (standard.weights * gate.curvature(x)).sum()};
}

// Weighted values of the remainder at the nodes right of 0. The remainder is even, its slope odd.
struct Remainder {
  Eigen::ArrayXd nodes, value, slope, curvature;

  Remainder(GateAt gate_at, double reach) {
    const Quadrature q(0, static_cast<int>(std::ceil(reach / 2)));
    nodes = q.nodes;
    const Gate gate = gate_at(nodes);
    value = -q.weights * nodes * gate.shut;
    slope = q.weights * gate.shut * (nodes * (1 - gate.shut) * gate.v1 - 1);
    curvature = q.weights * gate.curvature(nodes);
  }
};

GaussianMoments of_wide(const Remainder& r, double mean, double deviation) {
  const double scale = 1 / (deviation * std::sqrt(2 * std::numbers::pi));
  const Eigen::ArrayXd right = scale * (-((r.nodes - mean) / deviation).square() / 2).exp();
  const Eigen::ArrayXd left = scale * (-((r.nodes + mean) / deviation).square() / 2).exp();
  GaussianMoments moments = of_relu(mean, deviation);
  moments.value += (r.value * (right + left)).sum();
  moments.slope += (r.slope * (right - left)).sum();
  moments.curvature = (r.curvature * (right + left)).sum();
  return moments;
}

GaussianMoments of_gate(GateAt gate_at, const Remainder& remainder, double mean, double deviation) {
  if (deviation >= kWide) return of_wide(remainder, mean, deviation);
  if (std::abs(mean) > kFar) return of_relu(mean, deviation);
  return of_narrow(gate_at, mean, deviation);
}

}  // namespace

GaussianMoments gaussian_moments(Activation activation, double mean, double deviation,
                                 const Xielu& xielu) {
  switch (activation) {
    case Activation::silu: {
      static const Remainder remainder(silu_gate, 40);
      return of_gate(silu_gate, remainder, mean, deviation);
    }
    case Activation::relu:
      return of_relu(mean, deviation);
    case Activation::gelu:
      return of_gelu(mean, deviation);
    case Activation::gelu_tanh: {
      static const Remainder remainder(gelu_tanh_gate, 10);
      return of_gate(gelu_tanh_gate, remainder, mean, deviation);
    }
    case Activation::relu2:
      return of_relu2(mean, deviation);
    case Activation::xielu:
      return of_xielu(xielu, mean, deviation);
  }
  throw std::invalid_argument("no such activation");
}

}  // namespace azimuth
