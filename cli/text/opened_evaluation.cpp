#include "text/opened_evaluation.h"

#include <cstddef>
#include <stdexcept>
#include <utility>

#include "azimuth/evaluate_quantisation.h"
#include "terminal/progress_bar.h"
#include "text/opened_text.h"

namespace azimuth::cli {
namespace {

EvaluationPlan plan_of(const QuantisationAdvice& advice, const QuantisationScheme& scheme) {
  EvaluationPlan plan;
  plan.scheme = scheme;
  for (const DownProjection& one : advice.projections) {
    const std::int64_t bytes = one.extra_bytes + one.parameters * (8 - scheme.weight_bits) / 8;
    plan.ranking.push_back({{one.block, one.role}, bytes});
    if (one.explosion_block || one.decay_block) plan.paper_blocks.push_back(one.block);
  }
  plan.advised = static_cast<std::size_t>(advice.kept());
  return plan;
}

}  // namespace

Evaluate open_evaluation(const ModelWeights& weights, const std::string& checkpoint,
                         const EvaluationOptions& options) {
  const bool behind = options.calibration.empty();
  OpenedText opened = open_text(weights, checkpoint, options.text, kMostEvaluated,
                                behind ? kCalibrationSequences : 0);
  at::Tensor ids = opened.text.windows.sequences(), calibration;
  const std::string measured = opened.text.ids_digest;
  std::string digest = measured;
  if (behind) {
    const std::int64_t count = ids.size(0) - kCalibrationSequences;
    calibration = ids.narrow(0, count, kCalibrationSequences);
    ids = ids.narrow(0, 0, count);
  } else {
    const TextOptions other = {.ids = options.calibration,
                               .sequences = kCalibrationSequences,
                               .length = options.text.length};
    const OpenedWindows text = open_windows(weights, checkpoint, other, kCalibrationSequences);
    if (text.ids_digest == measured) {
      throw FileError(options.calibration, "--calibrate", "is the text that is measured");
    }
    calibration = text.windows.sequences();
    digest = text.ids_digest;
  }
  return [=, decoder = std::move(opened.decoder),
          scheme = options.scheme](const QuantisationAdvice& advice) {
    ProgressBar bar("measuring perplexities");
    QuantisationEvaluation evaluation;
    try {
      evaluation = evaluate_quantisation(decoder, ids, calibration, plan_of(advice, scheme), &bar);
    } catch (const std::domain_error& error) {
      throw FileError(checkpoint, "quantize", error.what());
    } catch (const std::invalid_argument& error) {  // longer sequences than it has positions
      throw FileError(checkpoint, "quantize", error.what());
    }
    evaluation.ids_digest = measured;
    evaluation.calibration_digest = digest;
    return evaluation;
  };
}

}  // namespace azimuth::cli
