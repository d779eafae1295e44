#include "azimuth/comparison.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "azimuth/absence.h"
#include "azimuth/angle.h"
#include "azimuth/same_stage.h"
#include "azimuth/thresholds.h"

namespace azimuth {
namespace {

bool probed_alike(const Signature& a, const Signature& b) {
  return a.probe.token_ids == b.probe.token_ids;
}

double larger_noise_floor(const Signature& a, const Signature& b) {
  if (!probed_alike(a, b) || std::isnan(a.noise_floor_degrees) || std::isnan(b.noise_floor_degrees))
    return kNotApplicable;
  return std::fmax(a.noise_floor_degrees, b.noise_floor_degrees);
}

/// Which stages of two models are compared, and their directions.
struct Match {
  std::int32_t stage_a = -1;
  std::int32_t stage_b = -1;
  std::span<const float> a;
  std::span<const float> b;
  double degrees = kNotApplicable;
};

/// In one order of the two, whatever theirs is: the last bits of an angle, and the draws of a test,
/// depend on it.
double ordered_angle(std::span<const float> u, std::span<const float> v) {
  return std::ranges::lexicographical_compare(v, u) ? angle_degrees(v, u) : angle_degrees(u, v);
}

PermutationTest ordered_test(std::span<const float> u, std::span<const float> v) {
  return std::ranges::lexicographical_compare(v, u) ? permutation_p_value(v, u)
                                                    : permutation_p_value(u, v);
}

Match match(const Signature& a, const Signature& b) {
  if (a.primary_stage < 0 || b.primary_stage < 0) return {};  // SIGNATURE_ABSENT
  Match best = {a.primary_stage, b.primary_stage, a.direction, b.direction,
                ordered_angle(a.direction, b.direction)};
  const auto offer = [&](const Match& pair) {
    if (pair.degrees <= kSameStageDegrees && !(pair.degrees >= best.degrees)) best = pair;
  };
  for (std::size_t i = 0; i < b.stages.size(); ++i) {
    const std::vector<float>& direction = b.stages[i].direction;
    offer({a.primary_stage, static_cast<std::int32_t>(i), a.direction, direction,
           ordered_angle(a.direction, direction)});
  }
  for (std::size_t i = 0; i < a.stages.size(); ++i) {
    const std::vector<float>& direction = a.stages[i].direction;
    offer({static_cast<std::int32_t>(i), b.primary_stage, direction, b.direction,
           ordered_angle(direction, b.direction)});
  }
  return best;
}

std::int32_t rival_of(const Signature& signature) {
  const auto primary = static_cast<std::size_t>(signature.primary_stage);
  if (signature.primary_stage < 0 || primary >= signature.stages.size()) return -1;
  double best = (1 - kNearTie) * stage_score(signature.stages[primary], signature.blocks);
  std::int32_t rival = -1;
  for (std::size_t i = 0; i < signature.stages.size(); ++i) {
    const double score = stage_score(signature.stages[i], signature.blocks);
    if (i == primary || !(score >= best)) continue;
    best = score;
    rival = static_cast<std::int32_t>(i);
  }
  return rival;
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
                       .tests = std::vector<std::vector<TestResult>>(n * n),
                       .stages = std::vector<std::int32_t>(n * n, -1)};
  for (const Signature& signature : signatures) {
    result.weights_digests.push_back(signature.model.weights_digest);
    result.absences.push_back(absence_text(signature));
    result.primary_stages.push_back(signature.primary_stage);
    result.rival_stages.push_back(rival_of(signature));
    for (const Signature& other : signatures) {
      result.same_probe.push_back(probed_alike(signature, other));
    }
  }
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t column = row; column < n; ++column) pairs.emplace_back(row, column);
  }
  workers.for_each(static_cast<std::int64_t>(pairs.size()), [&](std::int64_t i) {
    const auto [row, column] = pairs[static_cast<std::size_t>(i)];
    const Signature& a = signatures[row];
    const Signature& b = signatures[column];
    const Match same = match(a, b);
    if (std::isnan(same.degrees)) return;
    const PermutationTest drawn = ordered_test(same.a, same.b);
    const TestResult permutation = {.test = audit_test::coordinate_permutation,
                                    .statistic = same.degrees,
                                    .p = drawn.p,
                                    .resolution = drawn.resolution};
    result.stages[row * n + column] = same.stage_a;
    result.stages[column * n + row] = same.stage_b;
    for (const std::size_t cell : {row * n + column, column * n + row}) {
      result.degrees[cell] = same.degrees;
      result.noise_floor_degrees[cell] = larger_noise_floor(a, b);
      result.tests[cell] = {permutation};
    }
  });
  return result;
}

}  // namespace azimuth
