#pragma once

#include <cstdint>
#include <string>

namespace azimuth {

/// "[███░░░] 50%": how far work has come that is `done` of `total` (at least 1), for a terminal.
std::string progress_text(std::int64_t done, std::int64_t total);

/// ", about 3 min left": what is left of work of which `done` parts of `total` have taken so many
/// `seconds`. Empty where nothing can be told yet: in the first five seconds, and before the second
/// part.
std::string time_left_text(std::int64_t done, std::int64_t total, double seconds);

}  // namespace azimuth
