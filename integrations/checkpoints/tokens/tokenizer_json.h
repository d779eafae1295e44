#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tokens/token_table.h"

namespace azimuth {

/// The strings of a `tokenizer.json` of Hugging Face's tokenizers, by id.
std::vector<std::string> read_tokenizer_json(const std::filesystem::path& file, TokenForm form);

}  // namespace azimuth
