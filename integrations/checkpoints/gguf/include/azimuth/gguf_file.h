#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/file_error.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

/// A GGUF file, version 2 or 3, little-endian: metadata and tensors by name, whatever model they
/// belong to; or all files of a model that was split (NAME-00001-of-00003.gguf), whichever of them
/// is opened. Files are mapped, not loaded: opening reads headers only, and pages of a tensor come
/// in as they are read. Files are taken to be hostile: `open` checks every length, count and offset
/// before it is used, and after it nothing in `tensors()` points outside the mapping. Memory stays
/// in proportion to the headers that are really there, whatever counts they claim.
///
/// Copies are cheap and share the mapping. Every member may be called from any thread. The file
/// must not be written to or truncated while it is mapped: the system then ends the process
/// (SIGBUS).
///
///     const GgufFile file = GgufFile::open("model.gguf");
///     const std::int64_t blocks = file.integer("llama.block_count");
///     for (const NamedTensor& tensor : file.tensors().tensors) ...
class GgufFile {
 public:
  /// Every StoredType; tensors of other types, and those without numbers, are `unreadable` ones.
  /// Throws FileError, naming the file at fault: cannot be opened, no GGUF file, damaged; of a
  /// split model a part that is missing or of another one.
  static GgufFile open(const std::filesystem::path& file);

  /// Of a split model: its first file, which holds the metadata.
  const std::filesystem::path& path() const;

  /// The keys of the metadata, in the order of the file. The text lives as long as the file.
  std::vector<std::string_view> keys() const;
  bool has(std::string_view key) const;
  bool is_array(std::string_view key) const;  ///< false too where it is not there

  /// The value of a key. Throw FileError, naming the key, if it is not there or has another type.
  std::int64_t integer(std::string_view key) const;  ///< of any width that fits
  double real(std::string_view key) const;           ///< float32 or float64
  bool flag(std::string_view key) const;
  std::string_view string(std::string_view key) const;  ///< lives as long as the file
  std::int64_t length(std::string_view key) const;      ///< of an array
  std::vector<std::int64_t> integers(std::string_view key) const;
  std::vector<double> reals(std::string_view key) const;
  std::vector<bool> flags(std::string_view key) const;
  std::vector<std::string_view> strings(std::string_view key) const;

  /// All tensors in the order of the file. Shapes are outermost first, the reverse of what the file
  /// holds. `storage` keeps the mapping alive.
  NamedTensors tensors() const;

 private:
  struct Contents;
  explicit GgufFile(std::shared_ptr<const Contents> contents) : contents_(std::move(contents)) {}

  std::shared_ptr<const Contents> contents_;
};

}  // namespace azimuth
