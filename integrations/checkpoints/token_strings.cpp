#include "azimuth/token_strings.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "azimuth/begins_with.h"
#include "files/strict_json.h"
#include "other_forms.h"
#include "tokens/gguf_tokenizer.h"
#include "tokens/sentencepiece_model.h"
#include "tokens/tokenizer_json.h"

namespace azimuth {
namespace {

// Of a single file, what lies beside it.
std::filesystem::path folder_of(const std::filesystem::path& checkpoint) {
  return std::filesystem::is_directory(checkpoint) ? checkpoint : checkpoint.parent_path();
}

bool entry_exists(const std::filesystem::path& file) {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::symlink_status(file, error));
}

// The spelling of what begins a text by a folder's files; empty: nothing does.
std::string beginning_of(const std::filesystem::path& folder) {
  constexpr std::size_t kMostBytes = 16 << 20;
  const std::filesystem::path settings = folder / "tokenizer_config.json";
  if (entry_exists(settings)) {
    refuse_links_and_pointers(settings);
    const auto json = parse_python_json_file(settings, kMostBytes);
    const auto adds = json.is_object() ? json.find("add_bos_token") : json.end();
    if (adds != json.end() && adds->is_boolean()) {
      const auto token = json.find("bos_token");
      if (!adds->get<bool>() || token == json.end() || token->is_null()) return {};
      const auto& spelling =
          token->is_object() && token->contains("content") ? token->at("content") : *token;
      if (!spelling.is_string()) throw FileError(settings, "key bos_token", "is no string");
      return spelling.get<std::string>();
    }
  }
  const std::filesystem::path tokenizer = folder / "tokenizer.json";
  return entry_exists(tokenizer) ? read_template_beginning(tokenizer) : std::string();
}

std::vector<std::string> read_tokens(const std::filesystem::path& checkpoint, TokenForm form) {
  struct Format {
    const char* file;
    std::vector<std::string> (*read)(const std::filesystem::path&, TokenForm);
  };
  constexpr Format kFormats[] = {{"tokenizer.json", read_tokenizer_json},
                                 {"tokenizer.model", read_sentencepiece_model}};
  if (begins_with(checkpoint, "GGUF")) return read_gguf_tokenizer(checkpoint, form);
  const std::filesystem::path folder = folder_of(checkpoint);
  for (const Format& format : kFormats) {
    const std::filesystem::path file = folder / format.file;
    if (!entry_exists(file)) continue;
    refuse_links_and_pointers(file);
    return format.read(file, form);
  }
  return {};
}

}  // namespace

std::vector<std::string> read_token_strings(const std::filesystem::path& checkpoint) {
  return read_tokens(checkpoint, TokenForm::text);
}

std::vector<std::string> read_token_spellings(const std::filesystem::path& checkpoint) {
  return read_tokens(checkpoint, TokenForm::spelling);
}

std::optional<std::int64_t> read_first_token(const std::filesystem::path& checkpoint) {
  if (begins_with(checkpoint, "GGUF")) return read_gguf_first_token(checkpoint);
  const std::vector<std::string> spellings = read_token_spellings(checkpoint);
  if (spellings.empty()) return std::nullopt;
  const std::string beginning = beginning_of(folder_of(checkpoint));
  if (beginning.empty()) return std::nullopt;
  const auto found = std::ranges::find(spellings, beginning);
  if (found == spellings.end()) {
    throw FileError(folder_of(checkpoint), "token " + beginning,
                    "begins every text, and is not in the vocabulary");
  }
  return found - spellings.begin();
}

}  // namespace azimuth
