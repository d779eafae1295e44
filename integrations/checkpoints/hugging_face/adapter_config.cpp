#include "hugging_face/adapter_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "files/strict_json.h"
#include "hugging_face/config_fields.h"

namespace azimuth {
namespace {

using Json = ConfigFields::Json;

constexpr std::size_t kMaxAdapterBytes = 1 << 20;
constexpr std::size_t kMaxValues = 100'000;
constexpr double kMaxAlpha = 1e6;
constexpr std::size_t kMaxSavedModules = 1'000;
constexpr std::uint64_t kMaxRow = 1ull << 31;
constexpr std::size_t kMaxPatternSteps = 200'000;  // of all patterns

// What is read here, or has no say in the result.
constexpr std::array<std::string_view, 28> kKnown = {"alpha_pattern",
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
                                                     "modules_to_save",
                                                     "peft_type",
                                                     "peft_version",
                                                     "qalora_group_size",
                                                     "revision",
                                                     "target_modules",
                                                     "task_type",
                                                     "trainable_token_indices",
                                                     "r",
                                                     "rank_pattern",
                                                     "use_dora",
                                                     "use_rslora"};

void refuse_what_is_not_supported(const ConfigFields& config) {
  const std::string_view type = config.text("peft_type", "");
  if (type != "LORA") {
    config.fail("peft_type", "is '" + std::string(type) + "'; only LORA can be read");
  }
  // Kinds of LoRA are added every year: what is not known to leave the result alone is refused
  // where it is set to anything. Empty is as good as null: PEFT writes either.
  for (const auto& [key, value] : config.json().items()) {
    const bool unset =
        value.is_null() || value == false || (value.is_structured() && value.empty());
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

std::vector<std::string> names_of(const ConfigFields& config, const std::string& key) {
  std::vector<std::string> names;
  if (!config.has(key) || config.is_null(key)) return names;
  const Json& list = config.json().at(key);
  if (!list.is_array()) config.fail(key, "is not a list");
  if (list.size() > kMaxSavedModules) config.fail(key, "is too long");
  for (const Json& name : list) {
    if (!name.is_string()) config.fail(key, "holds something that is no name");
    names.push_back(name.get<std::string>());
  }
  return names;
}

std::vector<std::int64_t> rows_in(const ConfigFields& config, const Json& list) {
  constexpr const char* kKey = "trainable_token_indices";
  if (!list.is_array()) config.fail(kKey, "is not a list");
  std::vector<std::int64_t> rows;
  for (const Json& row : list) {
    if (!row.is_number_unsigned() || row.get<std::uint64_t>() > kMaxRow) {
      config.fail(kKey, "holds something that is no token id");
    }
    rows.push_back(row.get<std::int64_t>());
  }
  return rows;
}

}  // namespace

AdapterConfig AdapterConfig::open(const std::filesystem::path& file) {
  const Json json = parse_json_file<Json>(file, kMaxAdapterBytes, kMaxValues);
  if (!json.is_object()) throw FileError(file, "config", "is not an object");
  const ConfigFields fields(file, json);
  refuse_what_is_not_supported(fields);
  AdapterConfig config;
  config.file_ = file;
  config.dora_ = fields.flag("use_dora", false);
  config.ties_weights_ = fields.flag("ensure_weight_tying", false);
  config.stabilised_ = fields.flag("use_rslora", false);
  config.alpha_ = fields.real("lora_alpha", 8, kMaxAlpha);  // PEFT's default
  const ConfigFields patterns = fields.object("alpha_pattern");
  std::size_t steps = 0;
  for (const auto& [pattern, alpha] : patterns.json().items()) {
    const double value = patterns.real(pattern, 0, kMaxAlpha);
    try {
      config.alphas_.emplace_back(ModulePattern(pattern), value);
    } catch (const std::invalid_argument& error) {
      patterns.fail(pattern, error.what());
    }
    steps += config.alphas_.back().first.size();
    if (steps > kMaxPatternSteps) fields.fail("alpha_pattern", "is too large");
  }
  config.saved_modules_ = names_of(fields, "modules_to_save");
  if (fields.has("trainable_token_indices") && !fields.is_null("trainable_token_indices")) {
    const Json& rows = json.at("trainable_token_indices");
    if (rows.is_object()) {
      for (const auto& [module, list] : rows.items()) {
        config.rows_.emplace_back(module, rows_in(fields, list));
      }
    } else if (rows != false) {
      config.rows_.emplace_back("", rows_in(fields, rows));
    }
    std::erase_if(config.rows_, [](const auto& entry) { return entry.second.empty(); });
  }
  return config;
}

std::vector<std::int64_t> AdapterConfig::rows_of(std::string_view module, bool is_embedding) const {
  for (const auto& [end, rows] : rows_) {
    if (end.empty() ? is_embedding : module.ends_with(end)) return rows;
  }
  return {};
}

float AdapterConfig::scale_of(std::string_view module, std::int64_t rank) {
  double alpha = alpha_;
  for (const auto& [pattern, value] : alphas_) {
    const bool matches = pattern.matches(module, budget_);
    if (budget_ < 0) fail("alpha_pattern", "takes too long to match with all modules");
    if (!matches) continue;
    alpha = value;
    break;
  }
  const double divisor = static_cast<double>(rank);
  return static_cast<float>(alpha / (stabilised_ ? std::sqrt(divisor) : divisor));
}

}  // namespace azimuth
