#pragma once

#include <cstdint>
#include <span>

namespace azimuth {

/// Length of the longest strictly increasing subsequence of `sequence`.
std::int64_t longest_increasing(std::span<const std::int64_t> sequence);

/// log10 of what bounds the probability that a uniformly random order of `matched` things has an
/// increasing subsequence of at least `in_order`: the expected number of those of exactly that
/// length, C(matched, in_order) / in_order!. At most 0; minus infinity where it cannot be.
double log10_order_bound(std::int64_t matched, std::int64_t in_order);

/// The same for independent orders of groups, whose longest increasing subsequences together have
/// at least `in_order`: the sum over k_1 + ... + k_H = in_order of the product of C(n_h, k_h) /
/// k_h!.
double log10_order_bound(std::span<const std::int64_t> matched, std::int64_t in_order);

/// How far a number that belongs to each index depends on the index: Spearman's rank correlation
/// times sqrt(n - 1), which is about standard normal where every order is as likely. Ties share
/// their mean rank. 0 for fewer than three, or where all are equal.
double order_z(std::span<const double> values);

/// Spearman's, of as many finite numbers in both; ties share their mean rank. NaN where all of one
/// are equal.
double rank_correlation(std::span<const double> a, std::span<const double> b);

}  // namespace azimuth
