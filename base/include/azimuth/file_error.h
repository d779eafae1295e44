#pragma once

#include <filesystem>
#include <stdexcept>
#include <string_view>

namespace azimuth {

/// The one kind of error of everything that reads or writes files: "FILE: WHAT: WHY". `what` is the
/// part of the file that is wrong ("header", "tensor blk.0.ffn_up.weight"), `why` the reason.
/// Text that comes from a file may be hostile: each part is cut to a readable length, and bytes
/// that are not printable ASCII or well-formed UTF-8 appear as \xNN.
class FileError : public std::runtime_error {
 public:
  FileError(const std::filesystem::path& file, std::string_view what, std::string_view why);
};

/// Runs `make`. Where the fault lies in a file, what `make` throws for misuse (std::logic_error,
/// such as std::invalid_argument) becomes a FileError about the file's part `what`.
template <class Make>
auto with_file_errors(const std::filesystem::path& file, std::string_view what, const Make& make) {
  try {
    return make();
  } catch (const std::logic_error& error) {
    throw FileError(file, what, error.what());
  }
}

}  // namespace azimuth
