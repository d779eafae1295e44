#pragma once

#include <string>
#include <variant>

#include "azimuth/model_weights.h"
#include "azimuth/open_model.h"
#include "azimuth/signature.h"

namespace CLI {
class App;
}

namespace azimuth::cli {

/// What CKPT means, for help texts.
inline constexpr const char* kCheckpointHelp =
    "Hugging Face folder, GGUF file, .safetensors, .bin, .pt or .ckpt file with --config, "
    "signature file, or history STORE@STEP (STORE@RUN@STEP where it holds several runs)";

/// What --names takes, for help texts.
inline constexpr const char* kNamesHelp =
    "JSON file that says which parameter plays which role, where a model has names of its own";

/// The options that go with CKPT.
void add_config_option(CLI::App& call, OpenModelOptions& options);
void add_adapter_option(CLI::App& call, OpenModelOptions& options);
void add_names_option(CLI::App& call, OpenModelOptions& options);

/// What a CKPT holds: a model's weights, mapped and not loaded, or what was made of them earlier.
using Checkpoint = std::variant<ModelWeights, Signature>;

/// Throws FileError or std::runtime_error, "FILE: what: why".
Checkpoint open_checkpoint(const std::string& name, const OpenModelOptions& options);

/// Whether it is a step of a history, STORE@STEP. Throws FileError where STORE is none.
bool is_step_of_history(const std::string& name);

/// The weights that a CKPT holds. Throws FileError, as `call` does of `name`, where it holds none.
const ModelWeights& weights_of(const Checkpoint& checkpoint, const std::string& name,
                               const std::string& call);

/// Throws CLI::ValidationError if an option was given that needs weights, which `name` does not
/// hold.
void require_weights_for(const std::string& name, const std::string& option, bool given);

/// What a model is called in a picture or a table: the last part of its path.
std::string short_name(const std::string& checkpoint);

}  // namespace azimuth::cli
