#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace azimuth::bench {

struct Call {
  double seconds = 0;
  std::int64_t anonymous_bytes = 0;  ///< at most; 0 if the call was too short to be seen
};

/// Calls `azimuth`, whole process and all; what it prints is thrown away. `anonymous_bytes`, memory
/// that no file backs, is watched every millisecond if asked. Throws std::runtime_error where the
/// call fails.
Call call_program(std::vector<std::string> arguments, bool watch_memory);

}  // namespace azimuth::bench
