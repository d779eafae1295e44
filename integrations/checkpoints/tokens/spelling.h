#pragma once

#include <string>
#include <string_view>

namespace azimuth {

/// The bytes that GPT-2's byte-level BPE spells with printable characters, one for each byte. A
/// text with any other character stands for itself, as in Hugging Face's tokenizers.
std::string from_byte_level(std::string_view spelling);

/// SentencePiece's "▁" is a space.
std::string from_sentencepiece(std::string_view spelling);

/// Of SentencePiece's "<0x0A>" that byte; of all else nothing.
std::string from_byte_piece(std::string_view spelling);

}  // namespace azimuth
