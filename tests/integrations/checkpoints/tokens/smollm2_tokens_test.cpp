#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "azimuth/sha256.h"
#include "azimuth/token_strings.h"
#include "support/smollm2.h"

namespace azimuth {
namespace {

// What the package gguf reads of the real model (tests/data/tokens/generate.py).
TEST(SmolLM2Tokens, AreThoseOfAnotherReader) {
  const auto expected =
      nlohmann::json::parse(std::ifstream(AZIMUTH_TEST_DATA "/tokens/smollm2.json"));
  const std::vector<std::string> strings = read_token_strings(testing::smollm2_path());
  EXPECT_EQ(strings.size(), expected.at("tokens"));
  Sha256 sum;
  for (const std::string& text : strings) sum.add(std::to_string(text.size()) + ":" + text);
  EXPECT_EQ(expected.at("sha256"), sum.hexadecimal());
}

}  // namespace
}  // namespace azimuth
