#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <random>
#include <utility>

#include "azimuth/angle.h"
#include "azimuth/comparison.h"

namespace azimuth {
namespace {

/// Swaps v[last] with one of v[0..last], of 32 random bits: the same on every platform, unlike the
/// standard's distributions. The bias of the multiplication is below (last + 1) / 2^32.
void swap_last(Eigen::VectorXd& v, Eigen::Index last, std::uint64_t bits) {
  const std::uint64_t bound = static_cast<std::uint64_t>(last) + 1;
  std::swap(v[last], v[static_cast<Eigen::Index>(bits * bound >> 32)]);
}

void shuffle(Eigen::VectorXd& v, std::mt19937_64& random) {
  for (Eigen::Index i = v.size() - 1; i > 0; i -= 2) {
    const std::uint64_t bits = random();
    swap_last(v, i, bits >> 32);
    if (i > 1) swap_last(v, i - 1, bits & 0xffffffff);
  }
}

void flip_signs(Eigen::VectorXd& v, std::mt19937_64& random) {
  for (Eigen::Index begin = 0; begin < v.size(); begin += 64) {
    std::uint64_t coins = random();
    const Eigen::Index end = std::min(v.size(), begin + 64);
    for (Eigen::Index i = begin; i < end; ++i, coins >>= 1) {
      if ((coins & 1) != 0) v[i] = -v[i];
    }
  }
}

}  // namespace

double permutation_p_value(std::span<const float> u, std::span<const float> v) {
  if (std::isnan(angle_degrees(u, v))) return kNotApplicable;
  const Eigen::VectorXd fixed = to_double(u);
  Eigen::VectorXd drawn = to_double(v);
  // A draw that repeats `v` must count as one as close, whatever the order of its sum.
  constexpr double kRounding = 1e-12;
  const double cosine = std::abs(fixed.dot(drawn)) - kRounding * fixed.norm() * drawn.norm();
  std::mt19937_64 random(1);
  int as_close = 1;
  for (int i = 0; i < kPermutations; ++i) {
    shuffle(drawn, random);
    flip_signs(drawn, random);
    if (std::abs(fixed.dot(drawn)) >= cosine) ++as_close;
  }
  return as_close * p_value_resolution;
}

}  // namespace azimuth
