#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "azimuth/file_error.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

/// A safetensors file (https://huggingface.co/docs/safetensors): tensors by name, whatever model
/// they belong to. The file is mapped, not loaded: opening reads the header only, and pages of a
/// tensor come in as they are read. The exception are float32 numbers that do not lie on multiples
/// of 4 bytes, as the first writers of the format left them: those tensors are copied. Files are
/// taken to be hostile: `open` checks every length and offset before it is used, and after it
/// nothing in `tensors()` points outside the file's numbers. Memory stays in proportion to the
/// header that is really there.
///
/// Copies are cheap and share the mapping. Every member may be called from any thread. The file
/// must not be written to or truncated while it is mapped: the system then ends the process
/// (SIGBUS; azimuth/shrunk_files.h lets a program say why).
///
///     const SafetensorsFile file = SafetensorsFile::open("model.safetensors");
///     for (const NamedTensor& tensor : file.tensors().tensors) ...
class SafetensorsFile {
 public:
  /// Throws FileError: cannot be opened, not a safetensors file, or damaged.
  static SafetensorsFile open(const std::filesystem::path& file);

  const std::filesystem::path& path() const;

  /// Whether there is a tensor of this name, of any type.
  bool has(std::string_view name) const;

  /// The tensors of stored types F32, F16 and BF16, in the order of their data; those of every
  /// other type, and those without numbers, are `unreadable`.
  /// `storage` keeps the mapping alive.
  NamedTensors tensors() const;

 private:
  struct Contents;
  explicit SafetensorsFile(std::shared_ptr<const Contents> contents)
      : contents_(std::move(contents)) {}

  std::shared_ptr<const Contents> contents_;
};

}  // namespace azimuth
