#pragma once

namespace azimuth::cli {

/// What the programs exit with, as the manual promises.
inline constexpr int kUsage = 2;
inline constexpr int kBadInput = 3;

}  // namespace azimuth::cli
