#include "hugging_face/module_pattern.h"

#include <gmock/gmock.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace azimuth {
namespace {

// Which of the names Python's re.match(rf"(.*\.)?({pattern})$", name) matches.
TEST(ModulePattern, MatchesWhatPythonMatches) {
  const std::vector<std::string> names = {"model.layers.1.mlp.down_proj",
                                          "model.layers.12.mlp.up_proj",
                                          "lm_head",
                                          "a.b",
                                          "aab",
                                          "q_proj",
                                          "model.layers.0.self_attn.q_proj",
                                          "x-y.z"};
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"(down_proj)", "10000000"},
      {R"(mlp.down_proj)", "10000000"},
      {R"(mlp\.down_proj)", "10000000"},
      {R"(^model\.layers\.[12]\.mlp\.down_proj)", "10000000"},
      {R"(layers\.\d+\.mlp\..*)", "11000000"},
      {R"(.*_proj)", "11000110"},
      {R"((up|down)_proj)", "11000000"},
      {R"((?:up|down)_proj)", "11000000"},
      {R"(lm_head$)", "00100000"},
      {R"(^lm_head)", "00100000"},
      {R"(l.*d)", "00100000"},
      {R"([a-c]+)", "00011000"},
      {R"([^.]+)", "11111111"},
      {R"(\w+)", "11111111"},
      {R"(a{2}b)", "00001000"},
      {R"(a{1,}b)", "00001000"},
      {R"(a{3,4}b)", "00000000"},
      {R"(a{0}aab)", "00001000"},
      {R"((a|aa)*b)", "00011000"},
      {R"((a*)*b)", "00011000"},
      {R"(x\-y\.z)", "00000001"},
      {R"([x-]+y.z)", "00000001"},
      {R"([]x-]+y.z)", "00000001"},
      {R"(.*?proj)", "11000110"},
      {R"($)", "00000000"},
      {R"(a.b|q_proj)", "00011110"},
      {R"((^q_proj|^a)\.?b?)", "00010100"},
      {R"(self_attn\.[qv]_proj)", "00000010"},
      {R"(\D+)", "11111111"},
      {R"(\S*\s?)", "11111111"},
      {R"(layers\.1)", "00000000"},
      {R"(model)", "00000000"},
      {R"(())", "00000000"},
      {R"(proj)", "00000000"},
      {R"([\d.]+b)", "00000000"},
      {R"(a\.?b?$)", "00010000"},
  };
  for (const auto& [text, expected] : cases) {
    const ModulePattern pattern(text);
    std::string found;
    for (const std::string& name : names) {
      std::int64_t budget = 1'000'000;
      found += pattern.matches(name, budget) ? '1' : '0';
      EXPECT_GT(budget, 0);
    }
    EXPECT_EQ(found, expected) << text;
  }
}

TEST(ModulePattern, RefusesWhatItDoesNotRead) {
  for (const std::string text :
       {"(?=a)", "(?P<n>a)", "(?i)a", "\\bproj", "(a)\\1", "*a", "a**", "a{,3}", "a{2", "a{3,2}",
        "{", "(a", "a)", "[a", "[z-a]", "[[:alpha:]]", "a\\", "a*+", "\xc3\xa4"}) {
    EXPECT_THROW(ModulePattern{text}, std::invalid_argument) << text;
  }
}

TEST(ModulePattern, RefusesWhatIsTooLarge) {
  std::string nothing = "()";
  for (int i = 0; i < 8; ++i) nothing = "(" + nothing + "){1000}";
  for (const std::string& text :
       {std::string(1'001, 'a'), std::string(40, '(') + std::string(40, ')'),
        std::string("((a{1000}){1000}){1000}"), nothing, std::string("a{1001}")}) {
    EXPECT_THROW(ModulePattern{text}, std::invalid_argument) << text;
  }
}

// A matcher that tries one way after another would take years.
TEST(ModulePattern, TakesNoExponentialTime) {
  const ModulePattern pattern("((a*)*)*(a|aa)*(.*.*.*)*b");
  std::int64_t budget = 10'000'000;
  EXPECT_FALSE(pattern.matches(std::string(2'000, 'a'), budget));
  EXPECT_GT(budget, 0);
}

TEST(ModulePattern, StopsWhereTheBudgetEnds) {
  const ModulePattern pattern("(.*.*){1000}");
  std::int64_t budget = 1'000'000;
  pattern.matches(std::string(1'000'000, 'a'), budget);
  EXPECT_LT(budget, 0);
}

}  // namespace
}  // namespace azimuth
