#include "azimuth/lora_adapter.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "hugging_face/adapter_config.h"
#include "hugging_face/adapter_tensors.h"
#include "hugging_face/hugging_face_families.h"
#include "hugging_face/model_tensors.h"

namespace azimuth {
namespace {

constexpr const char* kAdapterConfig = "adapter_config.json";
constexpr std::array kWeights = {"adapter_model.safetensors", "adapter_model.bin"};

// The first of the names that is there; where none is, the name that PEFT uses today.
std::filesystem::path weights_of(const std::filesystem::path& folder) {
  for (const char* name : kWeights) {
    std::error_code error;
    if (std::filesystem::exists(folder / name, error)) return folder / name;
  }
  return folder / kWeights.front();
}

/// What an adapter makes of a base: tensors in the place of others, then updates.
class Adapter {
 public:
  Adapter(const ModelWeights& base, AdapterConfig config, std::filesystem::path file,
          const NamedTensors& tensors)
      : base_(base),
        config_(std::move(config)),
        file_(std::move(file)),
        // PEFT adapts the model as Transformers has it, whatever `base` was read from.
        qkv_layout_(published_qkv_layout(base.architecture().name)) {
    if (tensors.tensors.empty()) throw FileError(file_, "tensors", "there are none");
    whole_.storage = tensors.storage;
    for (const auto& [name, module] : adapted_modules(file_, tensors)) add(name, module);
    check_embedding();
  }

  ModelWeights apply() && {
    return base_.with_tensors(std::move(whole_)).with_updates(std::move(updates_));
  }

 private:
  void add(const std::string& name, const AdaptedModule& module) {
    const std::string weight = name + ".weight";
    const auto place = base_.place_of(weight);
    const bool is_embedding = place && place->role == Role::token_embedding;
    const bool is_head = place && place->role == Role::head_weight;
    has_embedding_ = has_embedding_ || is_embedding;
    has_head_ = has_head_ || is_head;
    // A head that is the embedding, or that the file does without: the pass does not read it.
    if (is_head && !base_.has(Role::head_weight)) return;
    const NamedTensor* whole = module.whole != nullptr ? module.whole : module.saved;
    if (whole != nullptr) {
      if (!is_embedding && !is_head) {
        fail(name, "was saved whole, which is supported for the embedding and the head alone");
      }
      whole_.tensors.push_back(*whole);
      whole_.tensors.back().name = weight;
    }
    if (module.embedding_a != nullptr || module.embedding_b != nullptr) {
      add_embedding(name, module, is_embedding);
    } else if (module.a != nullptr || module.b != nullptr) {
      if (is_embedding) fail(name, "is an embedding, and has lora_A or lora_B of a matrix");
      add_matrix(name, module);
    } else if (module.magnitude != nullptr) {
      fail(name, "lora_A and lora_B are missing");
    }
  }

  void add_matrix(const std::string& name, const AdaptedModule& module) {
    LowRankUpdate update =
        update_of(name, matrix_of(name, "lora_A", module.a), matrix_of(name, "lora_B", module.b));
    update.b *= config_.scale_of(name, update.a.rows());
    if (config_.dora()) update.magnitude = vector_of(name, module.magnitude);
    if (!config_.dora() && module.magnitude != nullptr) {
      fail(name, "has a lora_magnitude_vector, and use_dora is not set");
    }
    updates_.push_back(std::move(update));
  }

  // The embedding of a token is a row of its matrix, a column of `lora_embedding_A` says how much
  // of each column of `lora_embedding_B` is added to it.
  void add_embedding(const std::string& name, const AdaptedModule& module, bool is_embedding) {
    if (!is_embedding) fail(name, "has lora_embedding, and is not the embedding of tokens");
    if (config_.dora()) fail(name, "is an embedding with use_dora, which is not supported");
    const Eigen::MatrixXf a = matrix_of(name, "lora_embedding_A", module.embedding_a);
    const Eigen::MatrixXf b = matrix_of(name, "lora_embedding_B", module.embedding_b);
    LowRankUpdate update = update_of(name, b.transpose(), a.transpose());
    update.b *= config_.scale_of(name, update.a.rows());
    updates_.push_back(std::move(update));
  }

  LowRankUpdate update_of(const std::string& name, Eigen::MatrixXf a, Eigen::MatrixXf b) const {
    LowRankUpdate update;
    update.name = name + ".weight";
    update.a = std::move(a);
    update.b = std::move(b);
    update.qkv_layout = qkv_layout_;
    return update;
  }

  // Where the configuration says that there is more to the embedding than was found.
  void check_embedding() const {
    if (has_embedding_) return;
    if (has_head_ && config_.ties_weights()) {
      config_.fail(
          "ensure_weight_tying",
          "is true, and the head is adapted: what this makes of the embedding is not known");
    }
    for (const std::string& saved : config_.saved_modules()) {
      const auto place = base_.place_of(saved + ".weight");
      if (!place || place->role != Role::token_embedding) continue;
      fail(saved, "is said to be saved whole, and is missing");
    }
  }

  Eigen::MatrixXf matrix_of(const std::string& module, const std::string& what,
                            const NamedTensor* tensor) const {
    if (tensor == nullptr) fail(module, what + " is missing");
    const TensorView& view = tensor->view;
    if (view.shape.size() != 2 || view.size() == 0) {
      throw FileError(file_, "tensor " + tensor->name, "is not a matrix");
    }
    Eigen::MatrixXf transposed(view.columns(), view.rows());
    unpack(view, 0, view.rows(), transposed.data());
    return transposed.transpose();
  }

  Eigen::VectorXf vector_of(const std::string& module, const NamedTensor* tensor) const {
    if (tensor == nullptr) fail(module, "lora_magnitude_vector is missing");
    const TensorView& view = tensor->view;
    if (view.shape.size() != 1 || view.size() == 0) {
      throw FileError(file_, "tensor " + tensor->name, "is not a vector");
    }
    Eigen::VectorXf vector(view.size());
    unpack(view, 0, 1, vector.data());
    return vector;
  }

  [[noreturn]] void fail(const std::string& module, const std::string& why) const {
    throw FileError(file_, "module " + module, why);
  }

  const ModelWeights& base_;
  AdapterConfig config_;
  std::filesystem::path file_;
  std::optional<QkvLayout> qkv_layout_;
  NamedTensors whole_;
  std::vector<LowRankUpdate> updates_;
  bool has_embedding_ = false;
  bool has_head_ = false;
};

}  // namespace

ModelWeights with_lora_adapter(const ModelWeights& base, const std::filesystem::path& folder) {
  AdapterConfig config = AdapterConfig::open(folder / kAdapterConfig);
  const std::filesystem::path weights = weights_of(folder);
  const NamedTensors tensors = read_model_tensors(weights);
  for (const UnreadableTensor& tensor : tensors.unreadable) {
    throw FileError(weights, "tensor " + tensor.name, tensor.why);
  }
  return with_file_errors(
      weights, "model", [&] { return Adapter(base, std::move(config), weights, tensors).apply(); });
}

}  // namespace azimuth
