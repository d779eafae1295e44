#pragma once

#include <filesystem>
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
/// where a checkpoint has none of these, is another file, or has a kind of tokenizer that is not
/// known. A vocabulary may have more or fewer ids than the model has embeddings.
///
/// The files are taken to be hostile. Throws FileError: what is damaged, has more than 2,000,000
/// tokens, ids that are negative, beyond that, or given twice, or strings that are not UTF-8.
std::vector<std::string> read_token_strings(const std::filesystem::path& checkpoint);

/// The tokens of a model as its tokenizer spells them ("Ġthe", "▁the", "<s>"), by id; empty are ids
/// that it does not use. From the same files, with the same errors.
std::vector<std::string> read_token_spellings(const std::filesystem::path& checkpoint);

}  // namespace azimuth
