#include "azimuth/token_strings.h"

#include <system_error>

#include "azimuth/begins_with.h"
#include "other_forms.h"
#include "tokens/gguf_tokenizer.h"
#include "tokens/sentencepiece_model.h"
#include "tokens/tokenizer_json.h"

namespace azimuth {
namespace {

std::vector<std::string> read_tokens(const std::filesystem::path& checkpoint, TokenForm form) {
  struct Format {
    const char* file;
    std::vector<std::string> (*read)(const std::filesystem::path&, TokenForm);
  };
  constexpr Format kFormats[] = {{"tokenizer.json", read_tokenizer_json},
                                 {"tokenizer.model", read_sentencepiece_model}};
  if (begins_with(checkpoint, "GGUF")) return read_gguf_tokenizer(checkpoint, form);
  // Of a single file, those beside it.
  const std::filesystem::path folder =
      std::filesystem::is_directory(checkpoint) ? checkpoint : checkpoint.parent_path();
  for (const Format& format : kFormats) {
    const std::filesystem::path file = folder / format.file;
    std::error_code error;
    if (!std::filesystem::exists(std::filesystem::symlink_status(file, error))) continue;
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

}  // namespace azimuth
