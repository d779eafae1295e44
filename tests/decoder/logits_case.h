#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "azimuth/decoder.h"
#include "support/stored_model.h"
#include "support/temporary_folder.h"

namespace azimuth::testing {

/// The cases of tests/data/logits, sorted.
inline std::vector<std::string> logits_cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(AZIMUTH_TEST_DATA "/logits")) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

/// A model of tests/data/architectures, its settings changed as a case of tests/data/logits says,
/// and what Transformers makes of it.
class LogitsCase {
 public:
  explicit LogitsCase(const std::string& name)
      : json_(nlohmann::json::parse(
            std::ifstream(std::filesystem::path(AZIMUTH_TEST_DATA "/logits") / (name + ".json")))),
        folder_(std::filesystem::path(AZIMUTH_TEST_DATA "/architectures") /
                json_.at("model").get<std::string>()) {
    auto config = nlohmann::json::parse(std::ifstream(folder_ / "config.json"));
    auto& text = config.contains("text_config") ? config["text_config"] : config;
    for (const auto& [key, value] : json_.at("changes").items()) {
      text.erase(key);
      if (!value.is_null()) text[key] = value;
    }
    model_ = stored_model(folder_, changed_.write("config.json", config.dump()));
    const std::vector<std::int64_t> ids = json_.at("ids");
    ids_ = torch::tensor(ids, torch::kInt64).unsqueeze(0);
    std::vector<double> logits;
    for (const auto& row : json_.at("logits")) logits.insert(logits.end(), row.begin(), row.end());
    logits_ = torch::tensor(logits, torch::kFloat64).view({1, ids_.size(1), -1});
  }

  const Architecture& architecture() const { return model_.architecture; }
  const NamedTensors& tensors() const { return model_.tensors; }
  const std::filesystem::path& folder() const { return folder_; }
  ModelWeights weights() const {
    return ModelWeights::from_tensors(model_.architecture, model_.tensors);
  }
  const torch::Tensor& ids() const { return ids_; }
  /// What rounding may do: positions turn by float32 angles, whatever the type of the rest.
  double tolerance() const {
    return std::max(5e-6, 4 * json_.at("float32_difference").get<double>());
  }

  /// The largest difference to the expected logits, relative to the largest of these.
  double difference(const torch::Tensor& logits) const {
    const torch::Tensor off = (logits.to(torch::kFloat64) - logits_).abs().max();
    const double all = (off / logits_.abs().max()).item<double>();
    return std::isnan(all) ? INFINITY : all;
  }
  double difference(const ModelWeights& weights, at::ScalarType type = torch::kFloat32) const {
    const torch::NoGradGuard no_grad;
    return difference(Decoder(weights, at::kCPU, type).forward(ids_));
  }

 private:
  TemporaryFolder changed_;
  nlohmann::json json_;
  std::filesystem::path folder_;
  StoredModel model_;
  torch::Tensor ids_, logits_;
};

}  // namespace azimuth::testing
