#include "analysis/gaussian_moments.h"

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace azimuth {
namespace {

// How the integrals are made.
//
// ReLU and the erf GELU: in closed form. The others are `x σ(v(x))` with an odd `v` (SiLU: v = x;
// tanh GELU: v = 2 √(2/π) (x + 0.044715 x³)), analytic in a strip of half-width 2.5 about the real
// line, by composite Gauss-Legendre quadrature with ten nodes on panels of half-width 1 or less,
// which leaves an error of about 1e-13:
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

// E[a Φ(a)] by Stein's lemma, and its two derivatives by the mean.
GaussianMoments of_gelu(double mean, double deviation) {
  const double width = std::hypot(1.0, deviation);
  const double t = mean / width;
  const double share = 1 / (width * width);
  return {mean * probability(t) + deviation * (deviation / width) * density(t),
          probability(t) + t * share * density(t),
          density(t) / width * (1 + share - t * t * share)};
}

// Nodes and weights of panels of width 2 that fill [begin, begin + 2 count].
struct Quadrature {
  Eigen::ArrayXd nodes;
  Eigen::ArrayXd weights;

  Quadrature(double begin, int count) : nodes(10 * count), weights(10 * count) {
    constexpr std::array kNodes = {0.14887433898163122, 0.43339539412924719, 0.67940956829902441,
                                   0.86506336668898451, 0.97390652851717172};
    constexpr std::array kWeights = {0.29552422471475287, 0.26926671930999636, 0.21908636251598204,
                                     0.14945134915058059, 0.06667134430868814};
    for (int panel = 0, i = 0; panel < count; ++panel) {
      for (std::size_t k = 0; k < kNodes.size(); ++k) {
        for (const double sign : {-1.0, 1.0}) {
          nodes[i] = begin + 2 * panel + 1 + sign * kNodes[k];
          weights[i++] = kWeights[k];
        }
      }
    }
  }
};

// `x σ(v(x))` and its derivatives at x, from u = σ(−v).
struct Gate {
  Eigen::ArrayXd shut;  // σ(−v) = 1 − σ(v)
  Eigen::ArrayXd v1;    // v'
  Eigen::ArrayXd v2;    // v''

  Gate(Activation activation, const Eigen::ArrayXd& x) {
    if (activation == Activation::silu) {
      shut = 1 / (1 + x.exp());
      v1 = Eigen::ArrayXd::Ones(x.size());
      v2 = Eigen::ArrayXd::Zero(x.size());
    } else {
      const double scale = 2 * std::sqrt(2 / std::numbers::pi);
      constexpr double kCubic = 0.044715;
      shut = 1 / (1 + (scale * (x + kCubic * x.cube())).exp());
      v1 = scale * (1 + 3 * kCubic * x.square());
      v2 = scale * 6 * kCubic * x;
    }
  }

  Eigen::ArrayXd value(const Eigen::ArrayXd& x) const { return x * (1 - shut); }
  Eigen::ArrayXd slope(const Eigen::ArrayXd& x) const { return (1 - shut) * (1 + x * shut * v1); }
  Eigen::ArrayXd curvature(const Eigen::ArrayXd& x) const {
    return shut * (1 - shut) * (2 * v1 + x * ((2 * shut - 1) * v1.square() + v2));
  }
};

GaussianMoments of_narrow(Activation activation, double mean, double deviation) {
  static const Quadrature standard = [] {
    Quadrature q(-9, 9);
    q.weights *= (-q.nodes.square() / 2).exp() / std::sqrt(2 * std::numbers::pi);
    return q;
  }();
  const Eigen::ArrayXd x = mean + deviation * standard.nodes;
  const Gate gate(activation, x);
  return {(standard.weights * gate.value(x)).sum(), (standard.weights * gate.slope(x)).sum(),
          (standard.weights * gate.curvature(x)).sum()};
}

// Weighted values of the remainder at the nodes right of 0. The remainder is even, its slope odd.
struct Remainder {
  Eigen::ArrayXd nodes, value, slope, curvature;

  Remainder(Activation activation, double reach) {
    const Quadrature q(0, static_cast<int>(std::ceil(reach / 2)));
    nodes = q.nodes;
    const Gate gate(activation, nodes);
    value = -q.weights * nodes * gate.shut;
    slope = q.weights * gate.shut * (nodes * (1 - gate.shut) * gate.v1 - 1);
    curvature = q.weights * gate.curvature(nodes);
  }
};

GaussianMoments of_wide(Activation activation, double mean, double deviation) {
  static const Remainder silu(Activation::silu, 40);
  static const Remainder gelu_tanh(Activation::gelu_tanh, 10);
  const Remainder& r = activation == Activation::silu ? silu : gelu_tanh;
  const double scale = 1 / (deviation * std::sqrt(2 * std::numbers::pi));
  const Eigen::ArrayXd right = scale * (-((r.nodes - mean) / deviation).square() / 2).exp();
  const Eigen::ArrayXd left = scale * (-((r.nodes + mean) / deviation).square() / 2).exp();
  GaussianMoments moments = of_relu(mean, deviation);
  moments.value += (r.value * (right + left)).sum();
  moments.slope += (r.slope * (right - left)).sum();
  moments.curvature = (r.curvature * (right + left)).sum();
  return moments;
}

}  // namespace

GaussianMoments gaussian_moments(Activation activation, double mean, double deviation) {
  if (activation == Activation::relu) return of_relu(mean, deviation);
  if (activation == Activation::gelu) return of_gelu(mean, deviation);
  if (deviation >= kWide) return of_wide(activation, mean, deviation);
  if (std::abs(mean) > kFar) return of_relu(mean, deviation);
  return of_narrow(activation, mean, deviation);
}

}  // namespace azimuth
