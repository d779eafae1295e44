#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/gguf_file.h"

namespace azimuth {

/// What a GGUF file says of one architecture: the keys below its name ("llama."), and its tensors.
/// Throws FileError, naming the key.
class GgufFields {
 public:
  GgufFields(const GgufFile& file, std::string_view architecture);

  bool has(std::string_view key) const { return file_.has(full(key)); }
  /// From 1 to `max`.
  std::int64_t count(std::string_view key, std::int64_t max) const;
  std::int64_t count(std::string_view key, std::int64_t otherwise, std::int64_t max) const;
  std::int64_t integer(std::string_view key) const { return file_.integer(full(key)); }
  double real(std::string_view key) const { return file_.real(full(key)); }
  bool is_array(std::string_view key) const { return file_.is_array(full(key)); }
  std::vector<std::int64_t> integers(std::string_view key) const {
    return file_.integers(full(key));
  }
  std::vector<double> reals(std::string_view key) const { return file_.reals(full(key)); }
  std::string_view string(std::string_view key) const { return file_.string(full(key)); }
  bool flag(std::string_view key, bool otherwise) const;
  std::vector<bool> flags(std::string_view key) const { return file_.flags(full(key)); }
  /// A number for each block of the model itself: the key holds one each, or one for all.
  std::vector<std::int64_t> by_block(std::string_view key, std::int64_t blocks) const;

  /// Of the model itself, and behind them: those predict further tokens.
  std::int64_t blocks() const;
  std::int64_t further_blocks() const;

  bool has_tensor(std::string_view name) const { return shapes_.contains(name); }
  /// Whether there is a tensor of a module, whatever is behind the point.
  bool has_module(std::string_view name) const;
  /// Of a vector that is there; throws FileError where it is none.
  std::vector<float> numbers(std::string_view tensor) const;
  /// 0 if there is no such tensor.
  std::int64_t rows(std::string_view tensor) const;

  [[noreturn]] void fail(std::string_view key, std::string_view why) const;

 private:
  std::string full(std::string_view key) const { return prefix_ + std::string(key); }

  const GgufFile& file_;
  std::string prefix_;
  std::map<std::string, TensorView, std::less<>> shapes_;
};

}  // namespace azimuth
