#include "order_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace azimuth {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

double log_factorial(std::int64_t n) { return std::lgamma(static_cast<double>(n) + 1); }

/// ln(C(n, k) / k!).
double log_term(std::int64_t n, std::int64_t k) {
  return log_factorial(n) - 2 * log_factorial(k) - log_factorial(n - k);
}

double log10_probability(double log_bound) { return std::min(log_bound / std::log(10.0), 0.0); }

/// ln(exp(a) + exp(b)).
double log_sum(double a, double b) {
  if (a < b) std::swap(a, b);
  return b == kNever ? a : a + std::log1p(std::exp(b - a));
}

/// Ranks less their mean; ties share theirs.
std::vector<double> centred_ranks(std::span<const double> values) {
  const std::size_t n = values.size();
  std::vector<std::size_t> by_value(n);
  std::iota(by_value.begin(), by_value.end(), std::size_t{0});
  std::ranges::sort(by_value, {}, [&](std::size_t i) { return values[i]; });
  std::vector<double> ranks(n);
  for (std::size_t begin = 0; begin < n;) {
    std::size_t end = begin;
    while (end < n && values[by_value[end]] == values[by_value[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i) {
      ranks[by_value[i]] = (static_cast<double>(begin + end) - static_cast<double>(n)) / 2;
    }
    begin = end;
  }
  return ranks;
}

}  // namespace

std::int64_t longest_increasing(std::span<const std::int64_t> sequence) {
  // The least last element of an increasing subsequence of each length (patience sorting).
  std::vector<std::int64_t> last;
  for (const std::int64_t value : sequence) {
    const auto at = std::ranges::lower_bound(last, value);
    if (at == last.end()) {
      last.push_back(value);
    } else {
      *at = value;
    }
  }
  return static_cast<std::int64_t>(last.size());
}

double log10_order_bound(std::int64_t matched, std::int64_t in_order) {
  if (in_order > matched) return kNever;
  return log10_probability(log_term(matched, in_order));
}

double log10_order_bound(std::span<const std::int64_t> matched, std::int64_t in_order) {
  std::vector<double> sums = {0};  // ln of the sum of products, by k_1 + ... of the groups so far
  for (const std::int64_t n : matched) {
    std::vector<double> next(sums.size() + static_cast<std::size_t>(n), kNever);
    for (std::int64_t k = 0; k <= n; ++k) {
      const double term = log_term(n, k);
      for (std::size_t i = 0; i < sums.size(); ++i) {
        double& sum = next[i + static_cast<std::size_t>(k)];
        sum = log_sum(sum, sums[i] + term);
      }
    }
    sums = std::move(next);
  }
  const auto k = static_cast<std::size_t>(in_order);
  return k < sums.size() ? log10_probability(sums[k]) : kNever;
}

double order_z(std::span<const double> values) {
  if (values.size() < 3) return 0;
  std::vector<double> index(values.size());
  std::iota(index.begin(), index.end(), 0.0);
  const double correlation = rank_correlation(values, index);
  return std::isnan(correlation) ? 0
                                 : correlation * std::sqrt(static_cast<double>(values.size() - 1));
}

double rank_correlation(std::span<const double> a, std::span<const double> b) {
  const std::vector<double> x = centred_ranks(a);
  const std::vector<double> y = centred_ranks(b);
  return std::inner_product(x.begin(), x.end(), y.begin(), 0.0) /
         std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0) *
                   std::inner_product(y.begin(), y.end(), y.begin(), 0.0));
}

}  // namespace azimuth
