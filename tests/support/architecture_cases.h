#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

// The tiny models of tests/data/architectures, a folder each.
namespace azimuth::testing {

inline const std::filesystem::path kData = AZIMUTH_TEST_DATA "/architectures";

inline std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kData)) {
    if (entry.is_directory()) names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

inline nlohmann::json expected_of(const std::string& name) {
  return nlohmann::json::parse(std::ifstream(kData / name / "hidden_states.json"));
}

}  // namespace azimuth::testing
