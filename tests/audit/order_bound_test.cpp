// The bound on runs in order, against exact enumeration and simulation.

#include "order_bound.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <vector>

#include "mutual_matches.h"

namespace azimuth {
namespace {

using Sequence = std::vector<std::int64_t>;

/// By the quadratic recursion, not by patience sorting.
std::int64_t longest_by_recursion(const Sequence& s) {
  Sequence longest(s.size(), 1);
  std::int64_t best = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (s[j] < s[i]) longest[i] = std::max(longest[i], longest[j] + 1);
    }
    best = std::max(best, longest[i]);
  }
  return best;
}

/// How many permutations of n have a longest increasing subsequence of each length.
std::vector<double> permutations_by_length(std::int64_t n) {
  Sequence order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::vector<double> counts(static_cast<std::size_t>(n) + 1);
  do {
    ++counts[static_cast<std::size_t>(longest_increasing(order))];
  } while (std::ranges::next_permutation(order).found);
  return counts;
}

double tail(const std::vector<double>& counts, std::size_t k) {
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  return std::accumulate(counts.begin() + static_cast<std::ptrdiff_t>(k), counts.end(), 0.0) / all;
}

TEST(LongestIncreasing, AgreesWithTheRecursionAndIsStrict) {
  std::mt19937 random(1);
  for (int draw = 0; draw < 200; ++draw) {
    Sequence s(30);
    for (std::int64_t& value : s) value = static_cast<std::int64_t>(random() % 20);
    EXPECT_EQ(longest_increasing(s), longest_by_recursion(s));
  }
  EXPECT_EQ(longest_increasing(Sequence{3, 3, 3}), 1);
  EXPECT_EQ(longest_increasing({}), 0);
}

TEST(OrderBound, LiesAboveTheExactTailOfAllPermutations) {
  for (std::int64_t n = 1; n <= 8; ++n) {
    const std::vector<double> counts = permutations_by_length(n);
    for (std::int64_t k = 0; k <= n; ++k) {
      const double exact = tail(counts, static_cast<std::size_t>(k));
      EXPECT_LE(std::log10(exact), log10_order_bound(n, k) + 1e-9) << n << " " << k;
    }
    // Only one permutation is wholly in order: there the bound is the probability.
    EXPECT_NEAR(log10_order_bound(n, n), -std::log10(std::tgamma(n + 1.0)), 1e-9);
  }
}

// Mutual nearest neighbours are a partial matching: here all of m of 3 things of the release with 5
// of the base.
TEST(OrderBound, LiesAboveTheExactTailOfAllPartialMatchings) {
  std::map<std::int64_t, std::map<std::int64_t, double>> by_matched;
  for (int a = -1; a < 5; ++a) {
    for (int b = -1; b < 5; ++b) {
      for (int c = -1; c < 5; ++c) {
        Sequence order;
        for (const int base : {a, b, c}) {
          if (base >= 0) order.push_back(base);
        }
        Sequence once = order;
        std::ranges::sort(once);
        if (std::ranges::adjacent_find(once) != once.end()) continue;
        ++by_matched[std::ssize(order)][longest_increasing(order)];
      }
    }
  }
  ASSERT_EQ(by_matched.size(), 4u);
  for (const auto& [matched, lengths] : by_matched) {
    double all = 0;
    for (const auto& [length, count] : lengths) all += count;
    for (std::int64_t k = 0; k <= matched; ++k) {
      double as_long = 0;
      for (const auto& [length, count] : lengths) as_long += length >= k ? count : 0;
      EXPECT_LE(std::log10(as_long / all), log10_order_bound(matched, k) + 1e-9)
          << matched << " " << k;
    }
  }
}

TEST(OrderBound, OfGroupsLiesAboveTheExactTail) {
  const std::vector<double> three = permutations_by_length(3);
  const std::vector<double> five = permutations_by_length(5);
  std::vector<double> sums(9);
  for (std::size_t i = 0; i < three.size(); ++i) {
    for (std::size_t j = 0; j < five.size(); ++j) sums[i + j] += three[i] * five[j];
  }
  const Sequence groups = {3, 5};
  for (std::int64_t k = 0; k <= 8; ++k) {
    EXPECT_LE(std::log10(tail(sums, static_cast<std::size_t>(k))),
              log10_order_bound(groups, k) + 1e-9)
        << k;
  }
  EXPECT_NEAR(log10_order_bound(groups, 8), -std::log10(6.0 * 120), 1e-9);
  // k = 7: 2 of 3 and 5 of 5, or 3 of 3 and 4 of 5.
  EXPECT_NEAR(log10_order_bound(groups, 7), std::log10(3.0 / 2 / 120 + 1.0 / 6 * 5 / 24), 1e-9);
}

TEST(OrderBound, OfOneGroupIsTheBound) {
  for (std::int64_t k = 0; k <= 40; ++k) {
    EXPECT_NEAR(log10_order_bound(Sequence{40}, k), log10_order_bound(40, k), 1e-9);
    EXPECT_NEAR(log10_order_bound(Sequence{0, 40, 0}, k), log10_order_bound(40, k), 1e-9);
  }
}

TEST(OrderBound, HoldsForSimulatedMatchings) {
  constexpr int kDraws = 40'000;
  std::mt19937 random(2);
  for (const std::int64_t n : {20, 60}) {
    std::map<std::int64_t, int> lengths;
    Sequence order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    for (int draw = 0; draw < kDraws; ++draw) {
      std::ranges::shuffle(order, random);
      ++lengths[longest_increasing(order)];
    }
    for (std::int64_t k = 1; k <= n; ++k) {
      double as_long = 0;
      for (const auto& [length, count] : lengths) as_long += length >= k ? count : 0;
      const double bound = std::pow(10, log10_order_bound(n, k));
      EXPECT_LE(as_long / kDraws, bound + 4 * std::sqrt(bound / kDraws)) << n << " " << k;
    }
  }
}

TEST(OrderBound, FallsWithTheRunAndNeverRisesAboveOne) {
  for (const std::int64_t n : {1, 2, 5, 64, 1536}) {
    EXPECT_EQ(log10_order_bound(n, 0), 0);
    EXPECT_EQ(log10_order_bound(n, n + 1), -std::numeric_limits<double>::infinity());
    for (std::int64_t k = 1; k <= n; ++k) {
      EXPECT_LE(log10_order_bound(n, k), log10_order_bound(n, k - 1)) << n << " " << k;
      EXPECT_GE(log10_order_bound(n + 1, k), log10_order_bound(n, k)) << n << " " << k;
    }
  }
  const Sequence groups = {12, 0, 30, 7};
  for (std::int64_t k = 1; k <= 50; ++k) {
    EXPECT_LE(log10_order_bound(groups, k), log10_order_bound(groups, k - 1)) << k;
  }
}

TEST(OrderZ, IsSpearmansCorrelationTimesTheRootOfItsFreedom) {
  EXPECT_NEAR(order_z(std::vector<double>{1, 2, 3, 4, 5}), 2, 1e-12);
  EXPECT_NEAR(order_z(std::vector<double>{9, 7, 3, 2, 1}), -2, 1e-12);
  // Ranks 1, 2.5, 2.5, 4 of indices 1 to 4, in another order: SciPy's spearmanr gives 0.632456.
  EXPECT_NEAR(order_z(std::vector<double>{2, 1, 2, 3}), 0.632456 * std::sqrt(3), 1e-6);
  EXPECT_EQ(order_z(std::vector<double>{4, 4, 4}), 0);
  EXPECT_EQ(order_z(std::vector<double>{1, 2}), 0);
}

TEST(MutualMatches, LeaveOutTiesAndRowsWithoutADirection) {
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  Eigen::MatrixXf s(4, 4);
  s << 0.9f, 0.1f, 0.2f, 0.0f,     //
      0.1f, 0.8f, 0.8f, 0.0f,      // tied
      kNone, kNone, kNone, kNone,  //
      0.3f, 0.2f, 0.1f, 0.7f;
  const std::vector<MutualMatch> matches = mutual_matches(s);
  ASSERT_EQ(matches.size(), 2u);
  EXPECT_EQ(matches[0].base, 0);
  EXPECT_EQ(matches[0].release, 0);
  EXPECT_EQ(matches[1].base, 3);
  EXPECT_EQ(matches[1].release, 3);
  EXPECT_FLOAT_EQ(matches[1].similarity, 0.7f);
}

TEST(MutualMatches, AreThoseThatAreLargestInRowAndColumn) {
  std::mt19937 random(5);
  std::size_t found = 0;
  for (int draw = 0; draw < 200; ++draw) {
    // Of few values, so that many are tied, and with some that are none.
    Eigen::MatrixXf s = Eigen::MatrixXf::NullaryExpr(
        1 + random() % 9, 1 + random() % 9, [&] { return static_cast<float>(random() % 12) - 6; });
    if (random() % 2 != 0) s(random() % s.rows(), random() % s.cols()) = NAN;
    std::vector<MutualMatch> expected;
    for (Eigen::Index row = 0; row < s.rows(); ++row) {
      for (Eigen::Index column = 0; column < s.cols(); ++column) {
        int as_large = 0;  // itself in both
        for (Eigen::Index i = 0; i < s.cols(); ++i) as_large += s(row, i) >= s(row, column);
        for (Eigen::Index i = 0; i < s.rows(); ++i) as_large += s(i, column) >= s(row, column);
        if (as_large == 2) expected.push_back({column, row, s(row, column)});
      }
    }
    const std::vector<MutualMatch> matches = mutual_matches(s);
    ASSERT_EQ(matches.size(), expected.size()) << s;
    for (std::size_t i = 0; i < matches.size(); ++i) {
      EXPECT_EQ(matches[i].base, expected[i].base) << s;
      EXPECT_EQ(matches[i].release, expected[i].release) << s;
      EXPECT_EQ(matches[i].similarity, expected[i].similarity);
    }
    found += matches.size();
  }
  EXPECT_GT(found, 100u);
}

TEST(MutualMatches, FollowThePermutationOfTheBase) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  const Eigen::MatrixXf s = Eigen::MatrixXf::NullaryExpr(30, 40, [&] { return normal(random); });
  std::vector<int> order(40);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::shuffle(order, random);
  const std::vector<MutualMatch> plain = mutual_matches(s);
  const std::vector<MutualMatch> permuted = mutual_matches(s(Eigen::all, order).eval());
  ASSERT_EQ(plain.size(), permuted.size());
  ASSERT_GT(plain.size(), 5u);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_EQ(order[static_cast<std::size_t>(permuted[i].base)], plain[i].base);
    EXPECT_EQ(permuted[i].release, plain[i].release);
  }
}

TEST(RankCorrelation, IsSpearmans) {
  const std::vector<double> a = {106, 100, 86, 101, 99, 103, 97, 113, 112, 110};
  const std::vector<double> b = {7, 27, 2, 50, 28, 29, 20, 12, 6, 17};
  EXPECT_NEAR(rank_correlation(a, b), -29.0 / 165, 1e-12);
  EXPECT_NEAR(rank_correlation(a, a), 1, 1e-12);
  // Pearson's of the ranks 1, 2.5, 2.5, 4 and 4, 2, 2, 2.
  EXPECT_NEAR(rank_correlation(std::vector<double>{1, 2, 2, 3}, std::vector<double>{4, 1, 1, 1}),
              -0.816496580927726, 1e-12);
  EXPECT_TRUE(
      std::isnan(rank_correlation(std::vector<double>{1, 2, 3}, std::vector<double>{5, 5, 5})));
}

}  // namespace
}  // namespace azimuth
