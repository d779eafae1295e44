#pragma once

#include <filesystem>
#include <stdexcept>
#include <string_view>

namespace azimuth {

/// The one kind of error of everything that reads model files: "FILE: WHAT: WHY". `what` is the
/// part of the file that is wrong ("header", "tensor blk.0.ffn_up.weight"), `why` the reason.
/// Text that comes from a file may be hostile: each part is cut to a readable length, and bytes
/// that are not printable ASCII or well-formed UTF-8 appear as \xNN.
class FileError : public std::runtime_error {
 public:
  FileError(const std::filesystem::path& file, std::string_view what, std::string_view why);
};

}  // namespace azimuth
