#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace azimuth {

/// What is kept of a token.
enum class TokenForm { text, spelling };

/// Strings by id, of ids that may be hostile.
class TokenTable {
 public:
  TokenTable(std::filesystem::path file, TokenForm form) : file_(std::move(file)), form_(form) {}

  /// Throws FileError, naming the token by how it is spelled: an id that is negative or too large,
  /// a spelling that is not UTF-8.
  void put(std::int64_t id, std::string_view spelling, std::string text);

  std::vector<std::string> take() { return std::move(strings_); }

  /// Throws FileError where there are too many.
  static void check_count(const std::filesystem::path& file, std::string_view what,
                          std::int64_t count);

 private:
  std::filesystem::path file_;
  TokenForm form_;
  std::vector<std::string> strings_;
};

}  // namespace azimuth
