#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tokens/token_table.h"

namespace azimuth {

/// The strings of a `tokenizer.json` of Hugging Face's tokenizers, by id.
std::vector<std::string> read_tokenizer_json(const std::filesystem::path& file, TokenForm form);

/// The special token with which its template begins a text, as it is spelled; empty: none.
std::string read_template_beginning(const std::filesystem::path& file);

}  // namespace azimuth
