#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

namespace azimuth::testing {

/// Writes a file of ids of two bytes (docs/token-ids.md); without a digest of 32 bytes of a
/// tokenizer that nobody has: for models that have none.
inline std::string write_ids(const std::filesystem::path& file, std::span<const std::int64_t> ids,
                             std::uint64_t vocab_size,
                             const std::string& digest = std::string(32, 'd')) {
  std::ofstream out(file, std::ios::binary);
  const auto put = [&](auto number) {
    out.write(reinterpret_cast<const char*>(&number), sizeof(number));
  };
  out << "AZTOKENS";
  put(std::uint32_t{1});
  put(std::uint32_t{2});
  put(vocab_size);
  put(std::uint64_t{ids.size()});
  out << digest;
  for (const std::int64_t id : ids) put(static_cast<std::uint16_t>(id));
  return file;
}

}  // namespace azimuth::testing
