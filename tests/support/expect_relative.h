#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace azimuth::testing {

inline void expect_relative(double value, double expected, double tolerance,
                            const std::string& what) {
  EXPECT_LE(std::abs(value - expected), tolerance * std::abs(expected))
      << what << ": " << value << " where " << expected << " is expected";
}

}  // namespace azimuth::testing
