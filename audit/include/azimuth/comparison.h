#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/signature.h"
#include "azimuth/workers.h"

namespace azimuth {

/// How often chance alone makes two directions as close, and the least that the draws can tell.
struct PermutationTest {
  double p = kNotApplicable;
  double resolution = kNotApplicable;
};

/// The coordinates of `v` are permuted; the p-value is the share of such directions, `v` itself
/// counted, whose angle to `u` is no larger (docs/method.md, 7). Exchangeable dimensions are what
/// two models of one width that share no training have in common; uniform directions would be the
/// wrong null, since high-norm directions lie on a few coordinates and so collide by chance about
/// once in `hidden_size`. Where the largest coordinate of `v` comes is not drawn but counted: of
/// those places from which no order of the others is as close there is no need to draw. So p is at
/// least 1 / (hidden_size × 10,000), rather than 1 / 10,000; near that it is an estimate. The draws
/// are the same in every call. NaN where there is no angle: a direction is empty or not finite, or
/// the sizes differ.
///
/// Costs kPermutations × hidden_size; thread-safe.
PermutationTest permutation_p_value(std::span<const float> u, std::span<const float> v);
inline constexpr int kPermutations = 9'999;

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
/// names × names, flat, row by row, the diagonal included, symmetric but for `stages`. NaN: cannot
/// be compared, since a model has no signature (SIGNATURE_ABSENT: no token is high-norm at any
/// block, so that there is no stage, and a direction would be provisional) or the hidden sizes
/// differ; then no test was made.
struct Comparison {
  std::vector<std::string> names = {};
  /// Between the same stage of both, 0 to 90: of the pairs of a primary direction here and a stage
  /// there that lie within 30° the nearest, whichever of the two it is primary in; without such a
  /// pair the two primary directions (docs/method.md, 7).
  std::vector<double> degrees = {};
  /// What the method cannot resolve of either, the larger of the two. NaN where one is not known,
  /// or the two were probed with different tokens: how much that turns a direction, no floor says.
  std::vector<double> noise_floor_degrees = {};
  std::vector<bool> same_probe = {};           ///< both were probed with the same tokens
  std::vector<std::vector<TestResult>> tests;  ///< of the directions that `degrees` is between
  /// Of (row, column), which stage of the row's model that is: an index into its stages. -1:
  /// nothing was compared.
  std::vector<std::int32_t> stages = {};
  std::vector<std::int32_t> primary_stages = {};  ///< by name; -1: none
  std::vector<std::string> absences = {};         ///< by name: `absence_text`
  /// By name, empty where it is not known. Equal ones: the weights are identical.
  std::vector<std::string> weights_digests = {};
  /// By name: the stage whose score comes within `kNearTie` of the primary one's, so that little
  /// decides which of the two is primary; the largest of several, -1: none.
  std::vector<std::int32_t> rival_stages = {};
};

inline constexpr double kNearTie = 0.05;

/// `names[i]` is what `signatures[i]` is called. No figure depends on their order. Throws
/// std::invalid_argument if their numbers differ.
///
///     Workers workers;
///     const Comparison c = compare({"base", "release"}, {base, release}, workers);
///     if (c.degrees[1] < 5 && c.tests[1].front().p < 0.001) ...
Comparison compare(std::vector<std::string> names, std::span<const Signature> signatures,
                   Workers& workers);

}  // namespace azimuth
