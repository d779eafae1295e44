#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "azimuth/file_error.h"

namespace azimuth {

/// A text as the ids of its tokens, as `scripts/tokenize` writes them (docs/token-ids.md).
struct TokenIds {
  std::filesystem::path file;
  std::string digest;            ///< SHA-256 of the file, hexadecimal
  std::int64_t vocab_size = 0;   ///< of the tokenizer; every id is below
  std::string tokenizer_digest;  ///< SHA-256 of the spellings of the ids that occur, hexadecimal
  std::vector<std::int64_t> ids;
};

/// The file is taken to be hostile. Throws FileError: another file, one that is cut or damaged, an
/// id beyond its own vocabulary, more than 100,000,000 ids, none.
TokenIds read_token_ids(const std::filesystem::path& file);

/// Throws FileError, about the file of ids, where they are not tokens of a model: an id is not
/// below `vocab_size`, or the tokenizer of `checkpoint`, if it has one, spells an id that occurs in
/// another way than the tokenizer that the ids were made with.
void refuse_tokens_of_another(const TokenIds& tokens, const std::filesystem::path& checkpoint,
                              std::int64_t vocab_size);

}  // namespace azimuth
