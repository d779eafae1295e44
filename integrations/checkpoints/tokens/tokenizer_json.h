#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace azimuth {

/// The strings of a `tokenizer.json` of Hugging Face's tokenizers, as read_token_strings gives
/// them.
std::vector<std::string> read_tokenizer_json(const std::filesystem::path& file);

}  // namespace azimuth
