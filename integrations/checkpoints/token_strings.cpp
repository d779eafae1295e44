#include "azimuth/token_strings.h"

#include <system_error>

#include "azimuth/begins_with.h"
#include "other_forms.h"
#include "tokens/gguf_tokenizer.h"
#include "tokens/sentencepiece_model.h"
#include "tokens/tokenizer_json.h"

namespace azimuth {

std::vector<std::string> read_token_strings(const std::filesystem::path& checkpoint) {
  struct Form {
    const char* file;
    std::vector<std::string> (*read)(const std::filesystem::path&);
  };
  constexpr Form kForms[] = {{"tokenizer.json", read_tokenizer_json},
                             {"tokenizer.model", read_sentencepiece_model}};
  if (begins_with(checkpoint, "GGUF")) return read_gguf_tokenizer(checkpoint);
  // Of a single file, those beside it.
  const std::filesystem::path folder =
      std::filesystem::is_directory(checkpoint) ? checkpoint : checkpoint.parent_path();
  for (const Form& form : kForms) {
    const std::filesystem::path file = folder / form.file;
    std::error_code error;
    if (!std::filesystem::exists(std::filesystem::symlink_status(file, error))) continue;
    refuse_links_and_pointers(file);
    return form.read(file);
  }
  return {};
}

}  // namespace azimuth
