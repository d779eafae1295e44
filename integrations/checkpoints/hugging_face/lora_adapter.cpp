#include "azimuth/lora_adapter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "files/strict_json.h"
#include "hugging_face/config_fields.h"
#include "hugging_face/hugging_face_families.h"
#include "hugging_face/model_tensors.h"

namespace azimuth {
namespace {

using Json = ConfigFields::Json;

constexpr const char* kAdapterConfig = "adapter_config.json";
constexpr std::array kWeights = {"adapter_model.safetensors", "adapter_model.bin"};
constexpr std::size_t kMaxConfigBytes = 1 << 20;
constexpr std::size_t kMaxConfigValues = 100'000;
constexpr double kMaxAlpha = 1e6;
constexpr std::string_view kModelPrefix = "base_model.model.";

// What is read here, or has no say in the result.
constexpr std::array<std::string_view, 25> kKnown = {"alpha_pattern",
                                                     "auto_mapping",
                                                     "base_model_name_or_path",
                                                     "bias",
                                                     "corda_config",
                                                     "ensure_weight_tying",
                                                     "eva_config",
                                                     "exclude_modules",
                                                     "fan_in_fan_out",
                                                     "inference_mode",
                                                     "init_lora_weights",
                                                     "layers_pattern",
                                                     "layers_to_transform",
                                                     "lora_alpha",
                                                     "lora_dropout",
                                                     "megatron_core",
                                                     "peft_type",
                                                     "peft_version",
                                                     "qalora_group_size",
                                                     "revision",
                                                     "target_modules",
                                                     "task_type",
                                                     "r",
                                                     "rank_pattern",
                                                     "use_rslora"};

/// What the numbers are multiplied with, by module.
class Scales {
 public:
  explicit Scales(const ConfigFields& config)
      : alpha_(config.real("lora_alpha", 8, kMaxAlpha)),  // PEFT's default
        stabilised_(config.flag("use_rslora", false)) {
    const ConfigFields pattern = config.object("alpha_pattern");
    for (const auto& [module, alpha] : pattern.json().items()) {
      if (module.find_first_not_of(kLiteral) != std::string::npos) {
        pattern.fail(module, "is a regular expression, which is not supported");
      }
      alphas_.emplace_back(module, pattern.real(module, 0, kMaxAlpha));
    }
  }

  float of(std::string_view module, std::int64_t rank) const {
    double alpha = alpha_;
    for (const auto& [name, value] : alphas_) {
      if (module == name || module.ends_with("." + name)) {
        alpha = value;
        break;
      }
    }
    const double divisor = static_cast<double>(rank);
    return static_cast<float>(alpha / (stabilised_ ? std::sqrt(divisor) : divisor));
  }

 private:
  static constexpr std::string_view kLiteral =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";

  double alpha_;
  bool stabilised_;
  std::vector<std::pair<std::string, double>> alphas_;
};

void refuse_what_is_not_supported(const ConfigFields& config) {
  const std::string_view type = config.text("peft_type", "");
  if (type != "LORA") {
    config.fail("peft_type", "is '" + std::string(type) + "'; only LORA can be read");
  }
  // Kinds of LoRA are added every year: what is not known to leave the result alone is refused
  // where it is set to anything.
  for (const auto& [key, value] : config.json().items()) {
    const bool unset = value.is_null() || value == false || (value.is_object() && value.empty());
    if (unset || std::ranges::find(kKnown, key) != kKnown.end()) continue;
    config.fail(key, "is not supported");
  }
  if (config.text("bias", "none") != "none") config.fail("bias", "is not supported");
  // With these, the adapter belongs to a base that differs from the one that was named.
  if (config.has("init_lora_weights") && config.json().at("init_lora_weights").is_string()) {
    const std::string_view init = config.text("init_lora_weights", "");
    for (const std::string_view changes_base : {"pissa", "olora", "corda", "loftq", "lora_ga"}) {
      if (init.starts_with(changes_base)) {
        config.fail("init_lora_weights", "is " + std::string(init) + ", which changes the base");
      }
    }
  }
}

Eigen::MatrixXf matrix_of(const std::filesystem::path& file, const NamedTensor& tensor) {
  const TensorView& view = tensor.view;
  if (view.shape.size() != 2 || view.size() == 0) {
    throw FileError(file, "tensor " + tensor.name, "is not a matrix");
  }
  Eigen::MatrixXf transposed(view.columns(), view.rows());
  unpack(view, 0, view.rows(), transposed.data());
  return transposed.transpose();
}

struct Factors {
  const NamedTensor* a = nullptr;
  const NamedTensor* b = nullptr;
};

// By the name of the module.
std::map<std::string, Factors> pair_factors(const std::filesystem::path& file,
                                            const NamedTensors& tensors) {
  std::map<std::string, Factors> pairs;
  for (const NamedTensor& tensor : tensors.tensors) {
    std::string_view name = tensor.name;
    if (name.starts_with(kModelPrefix)) name.remove_prefix(kModelPrefix.size());
    bool known = false;
    for (const auto& [suffix, factor] :
         {std::pair{std::string_view(".lora_A.weight"), &Factors::a},
          std::pair{std::string_view(".lora_B.weight"), &Factors::b}}) {
      if (!name.ends_with(suffix)) continue;
      pairs[std::string(name.substr(0, name.size() - suffix.size()))].*factor = &tensor;
      known = true;
    }
    if (!known) {
      throw FileError(file, "tensor " + tensor.name,
                      "is neither lora_A nor lora_B of a weight matrix, which alone are supported");
    }
  }
  return pairs;
}

std::vector<LowRankUpdate> read_updates(const std::filesystem::path& file,
                                        const NamedTensors& tensors, const Scales& scales,
                                        std::optional<QkvLayout> qkv_layout) {
  std::vector<LowRankUpdate> updates;
  for (const auto& [module, factors] : pair_factors(file, tensors)) {
    if (factors.a == nullptr || factors.b == nullptr) {
      throw FileError(file, "module " + module,
                      std::string(factors.a == nullptr ? "lora_A" : "lora_B") + " is missing");
    }
    LowRankUpdate update = {module + ".weight", matrix_of(file, *factors.a),
                            matrix_of(file, *factors.b), qkv_layout};
    update.b *= scales.of(module, update.a.rows());
    updates.push_back(std::move(update));
  }
  if (updates.empty()) throw FileError(file, "tensors", "there are none");
  return updates;
}

// The first of the names that is there; where none is, the name that PEFT uses today.
std::filesystem::path weights_of(const std::filesystem::path& folder) {
  for (const char* name : kWeights) {
    std::error_code error;
    if (std::filesystem::exists(folder / name, error)) return folder / name;
  }
  return folder / kWeights.front();
}

}  // namespace

ModelWeights with_lora_adapter(const ModelWeights& base, const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / kAdapterConfig;
  const Json json = parse_json_file<Json>(file, kMaxConfigBytes, kMaxConfigValues);
  if (!json.is_object()) throw FileError(file, "config", "is not an object");
  const ConfigFields config(file, json);
  refuse_what_is_not_supported(config);
  const Scales scales(config);
  const std::filesystem::path weights = weights_of(folder);
  const NamedTensors tensors = read_model_tensors(weights);
  for (const UnreadableTensor& tensor : tensors.unreadable) {
    throw FileError(weights, "tensor " + tensor.name, tensor.why);
  }
  // PEFT adapts the model as Transformers has it, whatever `base` was read from.
  const auto qkv_layout = published_qkv_layout(base.architecture().name);
  return with_file_errors(weights, "model", [&] {
    return base.with_updates(read_updates(weights, tensors, scales, qkv_layout));
  });
}

}  // namespace azimuth
