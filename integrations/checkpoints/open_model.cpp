#include "azimuth/open_model.h"

#include <system_error>

#include "azimuth/begins_with.h"
#include "azimuth/gguf_model.h"
#include "azimuth/hugging_face_folder.h"
#include "azimuth/lora_adapter.h"
#include "azimuth/model_file.h"
#include "azimuth/role_names_file.h"
#include "other_forms.h"

namespace azimuth {
namespace {

ModelWeights open_base(const std::filesystem::path& checkpoint, const OpenModelOptions& options) {
  std::error_code error;
  const auto status = std::filesystem::status(checkpoint, error);
  const bool is_folder = std::filesystem::is_directory(status);
  if (std::filesystem::exists(status) && !is_folder && !std::filesystem::is_regular_file(status)) {
    throw FileError(checkpoint, "open", "is neither a file nor a folder");
  }
  const RoleNames names = options.names.empty() ? RoleNames() : read_role_names(options.names);
  if (is_folder) return load_hugging_face(checkpoint, options.config, names);
  if (!options.config.empty()) return load_model_file(checkpoint, options.config, names);
  // Of a file that is not there, load_gguf says why it cannot be opened.
  if (begins_with(checkpoint, "GGUF") || !std::filesystem::exists(status)) {
    if (options.names.empty()) return load_gguf(checkpoint);
    throw FileError(checkpoint, "names", "are not taken with a GGUF file, which has the format's");
  }
  std::string why = "is not GGUF; any other file needs --config, the config.json of its model";
  const std::filesystem::path folder = checkpoint.parent_path();
  if (std::filesystem::exists(folder / "config.json")) {
    why += "; one lies beside it: give the folder" +
           (folder.empty() ? std::string() : ", " + folder.string());
  }
  throw FileError(checkpoint, "open", why);
}

}  // namespace

ModelWeights open_model(const std::filesystem::path& checkpoint, const OpenModelOptions& options) {
  refuse_other_forms(checkpoint);
  for (const auto& file : {options.config, options.adapter, options.names}) {
    if (!file.empty()) refuse_links_and_pointers(file);
  }
  ModelWeights weights = open_base(checkpoint, options);
  return options.adapter.empty() ? weights : with_lora_adapter(weights, options.adapter);
}

}  // namespace azimuth
