#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "pytorch/pickle_value.h"

namespace azimuth {

/// A file of torch.save, taken apart: what was saved, and where the numbers lie.
struct PyTorchArchive {
  std::string what;  ///< the name of the pickle, for messages
  Pickle pickle;
  /// The bytes of a storage. Throws FileError if it has none of this key.
  std::function<std::span<const std::byte>(std::string_view key)> storage;
};

/// Whether a file that begins with these bytes is, or says that it is, one of torch.save.
bool is_pytorch_archive(std::span<const std::byte> bytes);

/// Both formats: the zip archive (of torch.save since PyTorch 1.6, of torch::save and of
/// torch.jit.save) and the series of pickles before it. Everything points into `bytes`. Throws
/// FileError.
PyTorchArchive open_pytorch_archive(const std::filesystem::path& file,
                                    std::span<const std::byte> bytes);

}  // namespace azimuth
