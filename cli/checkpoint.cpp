#include "checkpoint.h"

#include <system_error>

#include "azimuth/gguf_model.h"
#include "azimuth/hugging_face_folder.h"

namespace azimuth::cli {

ModelWeights open_checkpoint(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return load_hugging_face(path);
  return load_gguf(path);
}

}  // namespace azimuth::cli
