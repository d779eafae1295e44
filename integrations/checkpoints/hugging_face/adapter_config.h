#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "azimuth/file_error.h"
#include "hugging_face/module_pattern.h"

namespace azimuth {

/// What an adapter_config.json of PEFT says of a LoRA adapter, and the tensors beside it do not.
class AdapterConfig {
 public:
  /// Throws FileError, by the name of the key, for what would change the result and is not
  /// supported.
  static AdapterConfig open(const std::filesystem::path& file);

  /// What the product of the factors of `module` is multiplied with. Throws FileError if matching
  /// the patterns takes too long.
  float scale_of(std::string_view module, std::int64_t rank);

  bool dora() const { return dora_; }
  /// An adapter of the head is one of the embedding too, where the model ties the two.
  bool ties_weights() const { return ties_weights_; }
  /// The rows of a module that `trainable_token_indices` names, in the order of their tensor;
  /// empty: none. A list without a module's name is that of the embedding.
  std::vector<std::int64_t> rows_of(std::string_view module, bool is_embedding) const;
  bool has_rows() const { return !rows_.empty(); }
  /// `modules_to_save`.
  const std::vector<std::string>& saved_modules() const { return saved_modules_; }

  [[noreturn]] void fail(std::string_view key, const std::string& why) const {
    throw FileError(file_, "key " + std::string(key), why);
  }

 private:
  std::filesystem::path file_;
  bool dora_ = false;
  bool ties_weights_ = false;
  bool stabilised_ = false;
  double alpha_ = 0;
  std::vector<std::pair<ModulePattern, double>> alphas_;  // the first that matches counts
  std::int64_t budget_ = 200'000'000;                     // steps of matching: a second or so
  std::vector<std::string> saved_modules_;
  /// By the end of a module's name; empty: the embedding.
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> rows_;
};

}  // namespace azimuth
