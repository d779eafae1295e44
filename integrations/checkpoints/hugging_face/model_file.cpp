#include "azimuth/model_file.h"

#include <cstddef>
#include <span>

#include "azimuth/pytorch_file.h"
#include "azimuth/safetensors_file.h"
#include "files/mapped_file.h"
#include "hugging_face/configured_model.h"
#include "hugging_face/model_tensors.h"
#include "pytorch/pytorch_archive.h"

namespace azimuth {
namespace {

// Behind the length of its header, in 8 bytes, a safetensors file has a brace; the two formats of
// PyTorch have other bytes there.
bool is_safetensors(std::span<const std::byte> bytes) {
  return bytes.size() > 8 && bytes[8] == std::byte{'{'};
}

}  // namespace

NamedTensors read_model_tensors(const std::filesystem::path& file) {
  bool safetensors = false;
  {
    const MappedFile mapping(file);
    safetensors = is_safetensors(mapping.bytes());
    if (!safetensors && !is_pytorch_archive(mapping.bytes())) {
      throw FileError(file, "format", "is neither that of safetensors nor one of PyTorch");
    }
  }
  return safetensors ? SafetensorsFile::open(file).tensors() : PyTorchFile::open(file).tensors();
}

ModelWeights load_model_file(const std::filesystem::path& file, const std::filesystem::path& config,
                             const RoleNames& names) {
  return load_configured_model(file, config, names, [&] { return read_model_tensors(file); });
}

}  // namespace azimuth
