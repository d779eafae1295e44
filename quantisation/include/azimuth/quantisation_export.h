#pragma once

#include <string>
#include <vector>

#include "azimuth/model_weights.h"
#include "azimuth/quantisation_advice.h"

namespace azimuth {

/// A file that some tool reads.
struct ExportedFile {
  std::string name;
  std::string text;
};

/// What is kept, as tools are told of it (docs/quantisation.md): `ignore.yaml` for llm-compressor
/// and compressed-tensors, `torchao_filter.py` for torchao's `quantize_`, `llama_quantize.txt` for
/// llama.cpp's `llama-quantize`. Layers count from 0 there. Modules are called what the tensors of
/// the checkpoint are called; those of a GGUF file have llama.cpp's names, so that the last form is
/// the only one. Throws std::invalid_argument: nothing is kept, or what the model does not have; a
/// tensor's name has a character that no module's has, or no number of its layer.
std::vector<ExportedFile> exported(const ModelWeights& weights, const QuantisationAdvice& advice);

}  // namespace azimuth
