#pragma once

#include <cstdint>
#include <string>

namespace azimuth {

/// "[███░░░] 50%": how far work has come that is `done` of `total` (at least 1), for a terminal.
std::string progress_text(std::int64_t done, std::int64_t total);

}  // namespace azimuth
