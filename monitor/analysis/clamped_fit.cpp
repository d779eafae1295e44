#include "analysis/clamped_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "model/activation.h"
#include "model/quadrature.h"

namespace azimuth {
namespace {

// Of a standard Gaussian, further out than which nothing counts.
constexpr double kReach = 9;

// With t = (a − b_g) / |g| and b = m + q w, where m goes by t and w ~ N(0, 1) does not: what the
// clamped b is on average, and how likely it is not cut.
struct ClampedUp {
  double mean = 0;
  double open = 0;
};

ClampedUp clamped_up(double limit, double mean, double deviation) {
  const GaussianMoments low = gaussian_moments(Activation::relu, mean + limit, deviation);
  const GaussianMoments high = gaussian_moments(Activation::relu, mean - limit, deviation);
  return {low.value - high.value - limit, low.slope - high.slope};
}

}  // namespace

ClampedFit fit_clamped(const FeedForward& ffn, const GaussianPair& row) {
  const ClampedGate& clamp = ffn.clamp;
  const double s = row.gate_deviation;
  const double along = s > 0 ? row.covariance / s : 0;  // what u has along g
  const double rest = std::sqrt(std::max(row.up_deviation * row.up_deviation - along * along, 0.0));

  // Pieces begin where the gate is cut, and where the up part would be if nothing but g moved it.
  std::array ends = {-kReach, kReach, kReach, kReach, kReach};
  const auto inside = [](double t) {
    return std::isfinite(t) ? std::clamp(t, -kReach, kReach) : kReach;
  };
  ends[1] = inside((clamp.limit - row.gate_mean) / s);
  ends[2] = inside((clamp.limit - row.up_mean) / along);
  ends[3] = inside((-clamp.limit - row.up_mean) / along);
  std::ranges::sort(ends);

  // The activation is smooth over about 1 of what it reads, the clamp over `rest`.
  const double bends =
      std::max({1.0, clamp.steepness * s, rest > 0 ? std::abs(along) / rest : 0.0});
  constexpr double kMostPanels = 100;
  double times_t = 0;
  double alone = 0;
  for (std::size_t piece = 0; piece + 1 < ends.size(); ++piece) {
    const double width = ends[piece + 1] - ends[piece];
    if (!(width > 0)) continue;
    const Quadrature q(ends[piece], ends[piece + 1],
                       static_cast<int>(std::ceil(std::min(width * bends / 2, kMostPanels))));
    Eigen::MatrixXd gate =
        (clamp.steepness * (row.gate_mean + s * q.nodes).min(clamp.limit)).matrix();
    activate(ffn.activation, gate, ffn.xielu);
    for (Eigen::Index i = 0; i < q.nodes.size(); ++i) {
      const double t = q.nodes[i];
      const double weight = q.weights[i] * std::exp(-t * t / 2) * gate(i, 0) /
                            (clamp.steepness * std::sqrt(2 * std::numbers::pi));
      const ClampedUp up = clamped_up(clamp.limit, row.up_mean + along * t, rest);
      times_t += weight * t * (1 + up.mean);
      alone += weight * up.open;
    }
  }
  return {s > 0 ? (times_t - alone * along) / s : 0, alone};
}

}  // namespace azimuth
