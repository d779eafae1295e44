#include "hugging_face/configured_model.h"

#include <string>
#include <utility>

#include "azimuth/file_error.h"
#include "azimuth/hugging_face_config.h"

namespace azimuth {
namespace {

void check_size(const std::filesystem::path& file, const char* key, std::int64_t said,
                std::int64_t found) {
  if (said == found) return;
  throw FileError(file, std::string("key ") + key,
                  "is " + std::to_string(said) + ", but the weights have " + std::to_string(found));
}

}  // namespace

ModelWeights load_configured_model(const std::filesystem::path& model,
                                   const std::filesystem::path& config,
                                   const std::function<NamedTensors()>& read) {
  HuggingFaceConfig described = HuggingFaceConfig::open(config);
  ModelWeights weights = with_file_errors(model, "model", [&] {
    return ModelWeights::from_tensors(std::move(described.architecture), read());
  });
  check_size(config, "hidden_size", described.hidden_size, weights.hidden_size());
  check_size(config, "num_hidden_layers", described.block_count,
             static_cast<std::int64_t>(weights.blocks().size()));
  check_size(config, "vocab_size", described.vocab_size, weights.vocab_size());
  return weights;
}

}  // namespace azimuth
