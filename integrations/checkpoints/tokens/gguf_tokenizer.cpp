#include "tokens/gguf_tokenizer.h"

#include <optional>
#include <string_view>

#include "azimuth/file_error.h"
#include "azimuth/gguf_file.h"
#include "tokens/spelling.h"

namespace azimuth {
namespace {

constexpr std::string_view kModel = "tokenizer.ggml.model";
constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kFirst = "tokenizer.ggml.bos_token_id";
constexpr std::string_view kAddsFirst = "tokenizer.ggml.add_bos_token";
constexpr std::string_view kTypes = "tokenizer.ggml.token_type";

// llama.cpp's llama_token_type.
constexpr std::int64_t kNormal = 1;
constexpr std::int64_t kUserDefined = 4;
constexpr std::int64_t kByte = 6;

enum class Spelling { byte_level, sentencepiece };

// llama.cpp writes WordPiece ("bert") as SentencePiece does. Nothing of a kind that is not known.
std::optional<Spelling> spelling_of(std::string_view model) {
  if (model == "gpt2") return Spelling::byte_level;
  if (model == "llama" || model == "t5" || model == "bert" || model == "gemma4") {
    return Spelling::sentencepiece;
  }
  return std::nullopt;
}

std::string text_of(Spelling spelling, std::int64_t type, std::string_view token) {
  if (type == kByte) return from_byte_piece(token);
  if (type == kNormal && spelling == Spelling::byte_level) return from_byte_level(token);
  if (type != kNormal && type != kUserDefined) return {};
  return spelling == Spelling::sentencepiece ? from_sentencepiece(token) : std::string(token);
}

}  // namespace

std::vector<std::string> read_gguf_tokenizer(const std::filesystem::path& file, TokenForm form) {
  const GgufFile gguf = GgufFile::open(file);
  if (!gguf.has(kModel) || !gguf.has(kTokens)) return {};
  const std::optional<Spelling> spelling = spelling_of(gguf.string(kModel));
  if (!spelling) return {};
  TokenTable::check_count(gguf.path(), "key " + std::string(kTokens), gguf.length(kTokens));
  const std::vector<std::string_view> tokens = gguf.strings(kTokens);
  if (gguf.has(kTypes) && gguf.length(kTypes) != std::ssize(tokens)) {
    throw FileError(gguf.path(), "key " + std::string(kTypes),
                    "has " + std::to_string(gguf.length(kTypes)) + " elements, where there are " +
                        std::to_string(tokens.size()) + " tokens");
  }
  const std::vector<std::int64_t> types =
      gguf.has(kTypes) ? gguf.integers(kTypes) : std::vector<std::int64_t>(tokens.size(), kNormal);
  TokenTable table(gguf.path(), form);
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    table.put(static_cast<std::int64_t>(id), tokens[id], text_of(*spelling, types[id], tokens[id]));
  }
  return table.take();
}

std::optional<std::int64_t> read_gguf_first_token(const std::filesystem::path& file) {
  const GgufFile gguf = GgufFile::open(file);
  if (!gguf.has(kModel) || !gguf.has(kFirst)) return std::nullopt;
  // As llama.cpp has it where the file does not say.
  const bool adds = gguf.has(kAddsFirst) ? gguf.flag(kAddsFirst) : gguf.string(kModel) == "llama";
  if (!adds) return std::nullopt;
  const std::int64_t id = gguf.integer(kFirst);
  const std::int64_t count = gguf.has(kTokens) ? gguf.length(kTokens) : 0;
  if (id < 0 || id >= count) {
    throw FileError(
        gguf.path(), "key " + std::string(kFirst),
        "is " + std::to_string(id) + ", where there are " + std::to_string(count) + " tokens");
  }
  return id;
}

}  // namespace azimuth
