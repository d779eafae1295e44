#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tokens/token_table.h"

namespace azimuth {

/// The strings of the tokenizer in a GGUF file's metadata, by id.
std::vector<std::string> read_gguf_tokenizer(const std::filesystem::path& file, TokenForm form);

}  // namespace azimuth
