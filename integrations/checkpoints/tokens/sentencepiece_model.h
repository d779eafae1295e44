#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tokens/token_table.h"

namespace azimuth {

/// The strings of a SentencePiece model (`tokenizer.model`), by id.
std::vector<std::string> read_sentencepiece_model(const std::filesystem::path& file,
                                                  TokenForm form);

}  // namespace azimuth
