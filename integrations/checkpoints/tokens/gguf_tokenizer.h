#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace azimuth {

/// The strings of the tokenizer in a GGUF file's metadata, as read_token_strings gives them.
std::vector<std::string> read_gguf_tokenizer(const std::filesystem::path& file);

}  // namespace azimuth
