#include "azimuth/lora_adapter.h"

#include <algorithm>
#include <array>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "azimuth/hugging_face_config.h"
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
    using Storages = std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>;
    whole_.storage = std::make_shared<const Storages>(tensors.storage, converted_);
    rows_.storage = tensors.storage;
    if (qkv_layout_) {
      const std::string config = R"({"model_type":")" + base.architecture().name + "\"}";
      norm_offset_ = HuggingFaceConfig::parse(config).architecture.norm_offset -
                     base.architecture().norm_offset;
    }
    AdaptedModules adapted = adapted_modules(file_, tensors);
    left_out_ = std::move(adapted.left_out);
    for (const auto& [name, module] : adapted.modules) add(name, module);
    check_embedding();
  }

  ModelWeights apply() && {
    ModelWeights tuned = base_.with_tensors(std::move(whole_));
    for (NamedTensor& rows : rows_.tensors) {
      const auto place = tuned.place_of(rows.name);
      rows.view.shape = tuned.stored_shape(place->role, place->block);
    }
    tuned = tuned.with_tensors(std::move(rows_)).with_updates(std::move(updates_));
    if (!left_out_.empty()) tuned.add_warning(left_out());
    return tuned;
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
    if (is_head && !base_.has(Role::head_weight)) {
      left_out_.insert(name);
      has_rows_ = has_rows_ || module.rows != nullptr;
      return;
    }
    const NamedTensor* whole = module.whole != nullptr ? module.whole : module.saved;
    if (whole != nullptr) {
      whole_.tensors.push_back(place ? as_stored(*whole, place->role) : *whole);
      whole_.tensors.back().name = weight;
    }
    if (module.bias != nullptr && is_head && !base_.has(Role::head_bias)) {
      left_out_.insert(name + ".bias");
    } else if (module.bias != nullptr) {
      whole_.tensors.push_back(*module.bias);
      whole_.tensors.back().name = name + ".bias";
    }
    if (module.rows != nullptr) add_rows(name, module, is_embedding || is_head, is_embedding);
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
    add_update(
        name, module,
        update_of(name, matrix_of(name, "lora_A", module.a), matrix_of(name, "lora_B", module.b)));
  }

  // The embedding of a token is a row of its matrix, a column of `lora_embedding_A` says how much
  // of each column of `lora_embedding_B` is added to it.
  void add_embedding(const std::string& name, const AdaptedModule& module, bool is_embedding) {
    if (!is_embedding) fail(name, "has lora_embedding, and is not the embedding of tokens");
    const Eigen::MatrixXf a = matrix_of(name, "lora_embedding_A", module.embedding_a);
    const Eigen::MatrixXf b = matrix_of(name, "lora_embedding_B", module.embedding_b);
    add_update(name, module, update_of(name, b.transpose(), a.transpose()));
  }

  void add_update(const std::string& name, const AdaptedModule& module, LowRankUpdate update) {
    update.b *= config_.scale_of(name, update.a.rows());
    if (config_.dora()) update.magnitude = vector_of(name, module.magnitude);
    if (!config_.dora() && module.magnitude != nullptr) {
      fail(name, "has a lora_magnitude_vector, and use_dora is not set");
    }
    updates_.push_back(std::move(update));
  }

  void add_rows(const std::string& name, const AdaptedModule& module, bool has_tokens,
                bool is_embedding) {
    const NamedTensor& tensor = *module.rows;
    if (!has_tokens) fail(name, "has rows of tokens, and is neither the embedding nor the head");
    if (module.a != nullptr || module.embedding_a != nullptr) {
      fail(name, "has rows of tokens and factors, which PEFT does not train together");
    }
    NamedTensor rows = tensor;
    rows.name = name + ".weight";
    rows.row_ids = config_.rows_of(name, is_embedding);
    const std::vector<std::int64_t> expected = {static_cast<std::int64_t>(rows.row_ids.size()),
                                                base_.hidden_size()};
    if (rows.row_ids.empty() || tensor.view.shape != expected) {
      throw FileError(file_, "tensor " + tensor.name,
                      "shape " + shape_text(tensor.view.shape) + " does not fit the " +
                          std::to_string(rows.row_ids.size()) +
                          " tokens of trainable_token_indices and hidden size " +
                          std::to_string(base_.hidden_size()));
    }
    has_rows_ = true;
    rows_.tensors.push_back(std::move(rows));
  }

  // A norm as the base has it: llama.cpp's converters add to the weights what Gemma adds to them as
  // it computes.
  NamedTensor as_stored(const NamedTensor& tensor, Role role) {
    if (norm_offset_ == 0 || !name_of(role).ends_with("_norm_weight")) return tensor;
    if (role == Role::recurrent_norm_weight) return tensor;  // has none
    if (tensor.view.shape.size() != 1) return tensor;        // does not fit, which is found later
    std::vector<float>& numbers = converted_->emplace_back(tensor.view.size());
    unpack(tensor.view, 0, 1, numbers.data());
    for (float& number : numbers) number += static_cast<float>(norm_offset_);
    NamedTensor converted = tensor;
    converted.view.type = StoredType::f32;
    converted.view.data = reinterpret_cast<const std::byte*>(numbers.data());
    return converted;
  }

  // One line about the modules that are not used.
  std::string left_out() const {
    constexpr std::size_t kShown = 3;
    std::string names;
    std::size_t shown = 0;
    for (const std::string& name : left_out_) {
      if (shown++ == kShown) break;
      names += (names.empty() ? "" : ", ") + name;
    }
    return std::to_string(left_out_.size()) + " of the adapter's modules " +
           (left_out_.size() == 1 ? "is" : "are") + " not used: " + names +
           (left_out_.size() > kShown ? " and others" : "");
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
    if (config_.has_rows() && !has_rows_) {
      config_.fail("trainable_token_indices", "names tokens, and their rows are missing");
    }
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
  bool has_rows_ = false;
  double norm_offset_ = 0;  // of what is published over what the base has
  std::shared_ptr<std::list<std::vector<float>>> converted_ =
      std::make_shared<std::list<std::vector<float>>>();
  NamedTensors rows_;
  std::set<std::string> left_out_;
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
