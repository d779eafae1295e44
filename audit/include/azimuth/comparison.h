#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/signature.h"
#include "azimuth/workers.h"

namespace azimuth {

/// How often chance alone makes two directions as close as they are (docs/method.md, 7): the
/// coordinates of `v` are permuted and given random signs, and the p-value is the share of such
/// directions, `v` itself counted, whose angle to `u` is no larger. Exchangeable dimensions are
/// what two models of one width that share no training have in common; uniform directions would be
/// the wrong null, since high-norm directions lie on a few coordinates and so collide by chance
/// about once in `hidden_size`. Never below `p_value_resolution`; the draws are the same in every
/// call. NaN where there is no angle: a direction is empty or not finite, or the sizes differ.
///
/// Costs kPermutations × hidden_size; thread-safe.
double permutation_p_value(std::span<const float> u, std::span<const float> v);
inline constexpr int kPermutations = 9'999;
inline constexpr double p_value_resolution = 1.0 / (kPermutations + 1);

/// What one test says of two models.
struct TestResult {
  std::string_view test;  ///< one of `audit_test`
  double statistic = kNotApplicable;
  double p = kNotApplicable;  ///< how often chance alone gives a statistic as extreme
  double resolution = 0;      ///< the least that `p` can be
};

/// The tests that there are.
namespace audit_test {
/// `permutation_p_value`; its statistic is the angle in degrees.
inline constexpr std::string_view coordinate_permutation = "coordinate_permutation";
}  // namespace audit_test

/// Of a test that is not among `results`: all NaN.
TestResult result_of(std::string_view test, std::span<const TestResult> results);

/// Every model against every other (the paper's figure of angles between models). Matrices are
/// names × names, flat, row by row, symmetric, the diagonal included. NaN: cannot be compared,
/// since a model has no direction or the hidden sizes differ; then no test was made.
struct Comparison {
  std::vector<std::string> names;
  std::vector<double> degrees;  ///< between the signatures' directions, 0 to 90
  /// What the method cannot resolve of either, the larger of the two. NaN where one is not known.
  std::vector<double> noise_floor_degrees;
  std::vector<std::vector<TestResult>> tests;
};

/// `names[i]` is what `signatures[i]` is called. Throws std::invalid_argument if their numbers
/// differ.
///
///     Workers workers;
///     const Comparison c = compare({"base", "release"}, {base, release}, workers);
///     if (c.degrees[1] < 5 && c.tests[1].front().p < 0.001) ...
Comparison compare(std::vector<std::string> names, std::span<const Signature> signatures,
                   Workers& workers);

}  // namespace azimuth
