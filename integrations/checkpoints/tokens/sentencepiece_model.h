#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace azimuth {

/// The strings of a SentencePiece model (`tokenizer.model`), as read_token_strings gives them.
std::vector<std::string> read_sentencepiece_model(const std::filesystem::path& file);

}  // namespace azimuth
