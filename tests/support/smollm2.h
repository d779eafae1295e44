#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace azimuth::testing {

/// The real model that scripts/fetch_model fetches. Tests that need it fail without it.
inline std::filesystem::path smollm2_path() {
  const char* path = std::getenv("AZIMUTH_SMOLLM2");
  if (path == nullptr || *path == '\0') {
    throw std::runtime_error(
        "AZIMUTH_SMOLLM2 must hold the path that scripts/fetch_model prints: this test needs the "
        "real model");
  }
  return path;
}

}  // namespace azimuth::testing
