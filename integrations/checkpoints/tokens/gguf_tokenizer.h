#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tokens/token_table.h"

namespace azimuth {

/// The strings of the tokenizer in a GGUF file's metadata, by id.
std::vector<std::string> read_gguf_tokenizer(const std::filesystem::path& file, TokenForm form);

/// What it puts in front of every text.
std::optional<std::int64_t> read_gguf_first_token(const std::filesystem::path& file);

}  // namespace azimuth
