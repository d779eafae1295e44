#pragma once

#include <filesystem>

#include "azimuth/file_error.h"
#include "azimuth/model_weights.h"

namespace azimuth {

struct OpenModelOptions {
  /// The `config.json` of a single safetensors or PyTorch file, which says nothing of the model
  /// itself; of a folder, it is read in the place of its own. A GGUF file holds its own.
  std::filesystem::path config = {};
  /// A LoRA adapter to put on top, the folder that PEFT saves; empty: none.
  std::filesystem::path adapter = {};
  /// Which parameter plays which role, where they have names of their own (see read_role_names); no
  /// GGUF file has.
  std::filesystem::path names = {};
};

/// The weights of a model in whatever form it is stored: a Hugging Face folder, a GGUF file, or
/// with `config` a safetensors or PyTorch file, told apart by what is in them. Mapped and not
/// inflated. Throws FileError for everything that is wrong with the files: see load_hugging_face,
/// load_gguf, load_model_file, read_role_names and with_lora_adapter, which do the work. Of what is
/// no model, but stands in for one (a Git LFS pointer, a link that leads nowhere, an adapter, a
/// folder of the Hugging Face cache, the parts of a distributed checkpoint) the error says what to
/// give instead.
///
///     Workers workers(2);
///     const ModelWeights weights = open_model("SmolLM2-135M");
///     const Examination examined = examine(weights, {}, workers);  // azimuth/examine.h
ModelWeights open_model(const std::filesystem::path& checkpoint,
                        const OpenModelOptions& options = {});

}  // namespace azimuth
