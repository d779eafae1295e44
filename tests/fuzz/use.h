#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "azimuth/analysis.h"
#include "azimuth/file_error.h"
#include "azimuth/model_weights.h"
#include "azimuth/spectral.h"
#include "azimuth/workers.h"

namespace azimuth::testing {

/// Opens and uses a file: it may be refused with the error of its reader, and with nothing else.
template <class Error = FileError, class Open>
void refused_or_used(const Open& open_and_use) {
  try {
    open_and_use();
  } catch (const Error& error) {
    // One line, whatever the file holds.
    const std::string_view what = error.what();
    if (what.find('\n') != std::string_view::npos || what.size() > 4096) __builtin_trap();
  }
}

/// Reads tensors from end to end, so that one that reaches beyond its file is seen.
inline void use(const NamedTensors& all) {
  std::int64_t budget = 1 << 20;  // of numbers: views of one storage may be many
  for (const NamedTensor& tensor : all.tensors) {
    const TensorView& view = tensor.view;
    const std::int64_t rows = view.rows();
    const std::int64_t count = std::min(rows, 1 + budget / view.columns());
    std::vector<float> numbers(static_cast<std::size_t>(count * view.columns()));
    unpack(view, 0, count, numbers.data());
    unpack(view, rows - 1, 1, numbers.data(), Nudge{true, 1});
    budget -= std::min(budget, count * view.columns());
  }
}

/// Does with a model what `azimuth signature` does.
inline void use(const ModelWeights& weights) {
  Workers workers;
  AnalysisOptions options;
  options.token_ids =
      default_probe(weights.architecture().special_token_ids, weights.vocab_size(), 4);
  // A model that names a thousand special ids is as good with a few of them.
  options.token_ids.resize(std::min<std::size_t>(options.token_ids.size(), 8));
  AnalysisTrail trail;
  Observation observation = analyse(weights, options, workers, &trail);
  add_spectral(weights, trail, observation, workers);
  weights.nudged(1).embed(options.token_ids);
  if (weights.digest(workers).size() != 64) __builtin_trap();
  if (weights.bfloat16_digest(workers).size() != 64) __builtin_trap();
}

}  // namespace azimuth::testing
