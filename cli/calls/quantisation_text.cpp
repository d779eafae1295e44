#include "calls/quantisation_text.h"

#include <cmath>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "azimuth/joined.h"
#include "terminal/format_text.h"
#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

std::string advice_figure(double value) { return std::isnan(value) ? "–" : text("%.3g", value); }

std::string map_of(const DownProjection& one) {
  if (one.experts > 0) return std::to_string(one.experts) + " experts";
  return one.role == Role::shared_down_weight ? "shared expert" : "W_D";
}

std::string stage_of(const DownProjection& one) {
  std::string out = one.explosion_block ? "explosion block" : "";
  if (one.decay_block) out += out.empty() ? "decay block" : ", decay block";
  return out;
}

std::string table_of(const QuantisationAdvice& advice) {
  std::string out =
      "      block  map            noise    of all  outliers     first    others   typical\n";
  double sum = 0;
  for (const DownProjection& one : advice.projections) {
    sum += one.score;
    const double share = advice.total_score > 0 ? sum / advice.total_score : 0;
    out += text("%4d%s %5d  ", one.rank, one.kept ? "*" : " ", one.block) + left(map_of(one), 14) +
           text(" %-8.2g %5.1f%% ", one.score, 100 * share) +
           right(advice_figure(one.outlier_ratio), 9) + right(advice_figure(one.first_peak), 10) +
           right(advice_figure(one.others_peak), 10) + right(advice_figure(one.typical), 10);
    if (one.expert >= 0) out += text("  expert %d", one.expert);
    const std::string stage = stage_of(one);
    out += (stage.empty() ? "" : "  " + stage) + "\n";
  }
  return out;
}

// "f16, bf16": what the kept matrices stay.
std::string types_kept(const QuantisationAdvice& advice) {
  std::set<StoredType> types;
  for (const DownProjection& one : advice.projections) {
    if (one.kept) types.insert(one.kept_as);
  }
  return joined(types, [](StoredType type) { return std::string(name_of(type)); });
}

}  // namespace

std::string advice_text(const QuantisationAdvice& advice, const ModelInfo& model,
                        const std::string& name) {
  std::string out = printable(name) + "\n";
  if (!advice.projections.empty()) {
    out +=
        "Down projections in int8 (W8A8, a scale a tensor), by the noise that each puts into the "
        "residual stream\n" +
        table_of(advice) +
        "noise: relative to the stream, power, of ordinary tokens; of all: with those above; "
        "outliers: the larger\npeak of what the matrix reads (first token, others) by what is "
        "typical. First tokens: " +
        joined(advice.first_token_ids, [](std::int64_t id) { return std::to_string(id); }) + "\n\n";
  }
  if (!advice.nothing_to_keep.empty()) return out + "Keep none: " + advice.nothing_to_keep + ".\n";
  const auto parameters = static_cast<double>(advice.kept_parameters());
  out += text(
      "Keep %lld of %zu (*), weight and input: %.4g million parameters, %.3g%% of the "
      "model's; %.4g MB more than int8 takes (as %s).\n",
      static_cast<long long>(advice.kept()), advice.projections.size(), parameters / 1e6,
      100 * parameters / static_cast<double>(model.parameter_count),
      static_cast<double>(advice.kept_extra_bytes()) / 1e6, types_kept(advice).c_str());
  return out;
}

}  // namespace azimuth::cli
