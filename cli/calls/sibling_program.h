#pragma once

#include <span>
#include <string>

namespace azimuth::cli {

/// Becomes the program `name`, which lies beside this one, with `arguments` behind its name. Throws
/// FileError where that cannot be started; `missing` says where it would come from.
[[noreturn]] void become(const std::string& name, std::span<char* const> arguments,
                         const std::string& missing);

}  // namespace azimuth::cli
