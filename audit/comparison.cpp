#include "azimuth/comparison.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "azimuth/angle.h"

namespace azimuth {
namespace {

double larger_noise_floor(const Signature& a, const Signature& b) {
  if (std::isnan(a.noise_floor_degrees) || std::isnan(b.noise_floor_degrees)) return kNotApplicable;
  return std::fmax(a.noise_floor_degrees, b.noise_floor_degrees);
}

}  // namespace

TestResult result_of(std::string_view test, std::span<const TestResult> results) {
  const auto found = std::ranges::find(results, test, &TestResult::test);
  return found == results.end() ? TestResult{.test = test} : *found;
}

Comparison compare(std::vector<std::string> names, std::span<const Signature> signatures,
                   Workers& workers) {
  if (names.size() != signatures.size()) {
    throw std::invalid_argument("compare: " + std::to_string(names.size()) + " names for " +
                                std::to_string(signatures.size()) + " signatures");
  }
  const std::size_t n = signatures.size();
  Comparison result = {.names = std::move(names),
                       .degrees = std::vector<double>(n * n, kNotApplicable),
                       .noise_floor_degrees = std::vector<double>(n * n, kNotApplicable),
                       .tests = std::vector<std::vector<TestResult>>(n * n)};
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t column = row; column < n; ++column) pairs.emplace_back(row, column);
  }
  workers.for_each(static_cast<std::int64_t>(pairs.size()), [&](std::int64_t i) {
    const auto [row, column] = pairs[static_cast<std::size_t>(i)];
    const Signature& a = signatures[row];
    const Signature& b = signatures[column];
    const double degrees = angle_degrees(a.direction, b.direction);
    if (std::isnan(degrees)) return;
    const TestResult permutation = {.test = audit_test::coordinate_permutation,
                                    .statistic = degrees,
                                    .p = permutation_p_value(a.direction, b.direction),
                                    .resolution = p_value_resolution};
    for (const std::size_t cell : {row * n + column, column * n + row}) {
      result.degrees[cell] = degrees;
      result.noise_floor_degrees[cell] = larger_noise_floor(a, b);
      result.tests[cell] = {permutation};
    }
  });
  return result;
}

}  // namespace azimuth
