#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace azimuth {

/// One key of PEFT's `alpha_pattern`: a regular expression that the end of a module's name must
/// match, from a dot or from the name's beginning: re.match(rf"(.*\.)?({pattern})$", name) in
/// Python. Read are literals, `.`, classes, `\d \w \s` and their opposites, escaped punctuation,
/// groups without names, `|`, `^`, `$` and repetitions; they mean what they mean in Python.
/// Patterns are taken to be hostile: all ways of matching are followed at once, so that none takes
/// exponential time.
class ModulePattern {
 public:
  /// Throws std::invalid_argument, saying why, for what is not read or is too large.
  explicit ModulePattern(std::string_view pattern);

  /// Takes what it costs off `budget`, and ends with an answer that means nothing once that is
  /// negative.
  bool matches(std::string_view module, std::int64_t& budget) const;

  /// What it takes of memory, in steps.
  std::size_t size() const { return steps_.size(); }

  using Characters = std::bitset<256>;

  struct Step {
    enum class Kind { one_of, both, begin, end, done };
    Kind kind = Kind::done;
    std::size_t next = 0;
    std::size_t other = 0;       ///< of `both`
    std::size_t characters = 0;  ///< of `one_of`: index into the list
  };

 private:
  std::int64_t follow(std::size_t step, std::size_t at, std::size_t length,
                      std::vector<bool>& reached, std::vector<std::size_t>& waiting) const;

  std::vector<Step> steps_;
  std::vector<Characters> characters_;
};

}  // namespace azimuth
