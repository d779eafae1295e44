#include "tokens/token_table.h"

#include "azimuth/file_error.h"
#include "azimuth/utf8.h"

namespace azimuth {
namespace {

constexpr std::int64_t kMostTokens = 2'000'000;

}  // namespace

void TokenTable::check_count(const std::filesystem::path& file, std::string_view what,
                             std::int64_t count) {
  if (count <= kMostTokens) return;
  throw FileError(file, what,
                  "has " + std::to_string(count) + " tokens; at most " +
                      std::to_string(kMostTokens) + " are read");
}

void TokenTable::put(std::int64_t id, std::string_view spelling, std::string text) {
  const auto fail = [&](const std::string& why) {
    throw FileError(file_, "token " + std::string(spelling), why);
  };
  if (!is_utf8(spelling)) fail("is not UTF-8");
  if (id < 0 || id >= kMostTokens) {
    fail("has the id " + std::to_string(id) + "; 0 to " + std::to_string(kMostTokens - 1) +
         " are read");
  }
  const auto at = static_cast<std::size_t>(id);
  if (at >= strings_.size()) strings_.resize(at + 1);
  strings_[at] = form_ == TokenForm::text ? std::move(text) : std::string(spelling);
}

}  // namespace azimuth
