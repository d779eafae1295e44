#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "azimuth/file_error.h"

namespace azimuth {

/// The text that each token of a model stands for, by id, as bytes: those of one character may be
/// spread over several tokens. However a tokenizer spells them, the same text is the same string:
/// what GPT-2's byte-level BPE writes as "Ġthe", and SentencePiece as "▁the", is " the", and
/// "<0x0A>" is the one byte. Empty are ids that stand for no text: unused ones, and special tokens,
/// so that none is taken for text that is spelled alike. A string may have several ids.
///
/// Of a Hugging Face folder read are `tokenizer.json` (BPE, Unigram and WordPiece, with
/// `added_tokens`), else `tokenizer.model` (SentencePiece); of a GGUF file, its metadata. Empty
/// where a checkpoint has none of these, has none beside it, or has a kind of tokenizer that is not
/// known. A vocabulary may have more or fewer ids than the model has embeddings.
///
/// The files are taken to be hostile. Throws FileError: what is damaged, has more than 2,000,000
/// tokens, ids that are negative, beyond that, or given twice, or strings that are not UTF-8.
std::vector<std::string> read_token_strings(const std::filesystem::path& checkpoint);

/// The tokens of a model as its tokenizer spells them ("Ġthe", "▁the", "<s>"), by id; empty are ids
/// that it does not use. From the same files, with the same errors.
std::vector<std::string> read_token_spellings(const std::filesystem::path& checkpoint);

/// The id of the token that the tokenizer of a model puts in front of every text; without a value
/// it puts none, or is not known. Of a folder by `add_bos_token` and `bos_token` of
/// `tokenizer_config.json`, else by the template in `tokenizer.json`; of a GGUF file by
/// `tokenizer.ggml.add_bos_token`, which SentencePiece's models have to be told not to. With the
/// same errors; a token that the vocabulary does not have is one.
std::optional<std::int64_t> read_first_token(const std::filesystem::path& checkpoint);

}  // namespace azimuth
