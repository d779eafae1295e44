#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "azimuth/angle.h"
#include "azimuth/comparison.h"
#include "shuffle.h"

namespace azimuth {
namespace {

std::size_t largest_of(const Eigen::VectorXd& v) {
  Eigen::Index at = 0;
  v.cwiseAbs().maxCoeff(&at);
  return static_cast<std::size_t>(at);
}

/// The places to which `largest` can come such that some order of the `others` reaches `product`
/// with `u`: by the rearrangement inequality, sorted against sorted is the most.
std::vector<std::size_t> places_that_reach(const Eigen::VectorXd& u, double largest,
                                           const std::vector<double>& others, double product) {
  const auto d = static_cast<std::size_t>(u.size());
  std::vector<std::size_t> by_size(d);
  std::iota(by_size.begin(), by_size.end(), std::size_t{0});
  const auto size_at = [&](std::size_t i) { return std::abs(u[static_cast<Eigen::Index>(i)]); };
  std::ranges::sort(by_size, std::greater<>(), size_at);
  std::vector<double> sorted;
  for (const double x : others) sorted.push_back(std::abs(x));
  std::ranges::sort(sorted, std::greater<>());
  // Sums of the products before each rank of u, and of those behind it, which move up by one.
  std::vector<double> behind(d, 0.0);
  for (std::size_t rank = d - 1; rank > 0; --rank) {
    behind[rank - 1] = behind[rank] + size_at(by_size[rank]) * sorted[rank - 1];
  }
  std::vector<std::size_t> places;
  double before = 0;
  for (std::size_t rank = 0; rank < d; ++rank) {
    const double own = size_at(by_size[rank]);
    if (own * largest + before + behind[rank] >= product) places.push_back(by_size[rank]);
    if (rank + 1 < d) before += own * sorted[rank];
  }
  return places;
}

}  // namespace

PermutationTest permutation_p_value(std::span<const float> u, std::span<const float> v) {
  if (std::isnan(angle_degrees(u, v))) return {};
  const Eigen::VectorXd fixed = to_double(u);
  const Eigen::VectorXd other = to_double(v);
  const std::size_t top = largest_of(other);
  const double largest = other[static_cast<Eigen::Index>(top)];
  std::vector<double> others;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (i != top) others.push_back(other[static_cast<Eigen::Index>(i)]);
  }
  // A draw that repeats `v` must count as one as close, whatever the order of its sum.
  constexpr double kRounding = 1e-12;
  const double product = std::abs(fixed.dot(other)) - kRounding * fixed.norm() * other.norm();
  const std::vector<std::size_t> places =
      places_that_reach(fixed, std::abs(largest), others, product);

  std::mt19937_64 random(1);
  int as_close = 1;
  for (int i = 0; i < kPermutations; ++i) {
    const std::size_t place = places[(random() >> 32) * places.size() >> 32];
    shuffle(others, random);
    double sum = fixed[static_cast<Eigen::Index>(place)] * largest;
    const double* next = others.data();
    for (std::size_t at = 0; at < v.size(); ++at) {
      if (at != place) sum += fixed[static_cast<Eigen::Index>(at)] * *next++;
    }
    if (std::abs(sum) >= product) ++as_close;
  }
  const double resolution =
      static_cast<double>(places.size()) / static_cast<double>(v.size()) / (kPermutations + 1);
  return {as_close * resolution, resolution};
}

}  // namespace azimuth
