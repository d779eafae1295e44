#pragma once

#include <array>
#include <cstdint>

namespace azimuth {

// The codebooks of ggml's types IQ1 to IQ3: what the number of an entry stands for, 8 levels or 4.
// Byte i of an entry, from the lowest, is level i, signed.

/// Magnitudes 8, 25 and 43.
extern const std::array<std::uint64_t, 256> kIq2XxsLevels;
extern const std::array<std::uint64_t, 512> kIq2XsLevels;
extern const std::array<std::uint64_t, 1024> kIq2SLevels;

/// Magnitudes from 4 to 62, and from 1 to 15.
extern const std::array<std::uint32_t, 256> kIq3XxsLevels;
extern const std::array<std::uint32_t, 512> kIq3SLevels;

/// -1, 0 and 1 in eighths, for a block moves them by an eighth up or down.
extern const std::array<std::uint64_t, 2048> kIq1Levels;

}  // namespace azimuth
