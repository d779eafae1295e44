#include "hugging_face/module_pattern.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace azimuth {
namespace {

using Characters = ModulePattern::Characters;
using Step = ModulePattern::Step;

constexpr std::size_t kMaxLength = 1'000;
constexpr std::size_t kMaxSteps = 10'000;
constexpr int kMaxDepth = 32;
constexpr int kMaxRepeats = 1'000;

[[noreturn]] void fail(const std::string& why) { throw std::invalid_argument(why); }

/// A pattern as it is read.
struct Expression {
  enum class Kind { characters, sequence, choice, repeat, begin, end };
  Kind kind = Kind::sequence;
  Characters characters;
  std::vector<Expression> parts;
  int least = 0;
  int most = 0;  ///< -1: any number
};

Characters range(unsigned char first, unsigned char last) {
  Characters set;
  for (int c = first; c <= last; ++c) set.set(static_cast<std::size_t>(c));
  return set;
}

Characters one(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return range(byte, byte);
}

unsigned char first_of(const Characters& set) {
  unsigned char c = 0;
  while (!set.test(c)) ++c;
  return c;
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Expression parse() {
    Expression all = choice(0);
    if (!rest_.empty()) fail("has a ) too many");
    return all;
  }

 private:
  bool take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  char next() {
    if (rest_.empty()) fail("ends too early");
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  Expression choice(int depth) {
    if (depth > kMaxDepth) fail("is nested too deep");
    Expression choice;
    choice.kind = Expression::Kind::choice;
    do {
      Expression sequence;
      while (!rest_.empty() && rest_.front() != '|' && rest_.front() != ')') {
        sequence.parts.push_back(repeated(atom(depth)));
      }
      choice.parts.push_back(std::move(sequence));
    } while (take("|"));
    return choice;
  }

  Expression atom(int depth) {
    Expression atom;
    atom.kind = Expression::Kind::characters;
    switch (const char c = next()) {
      case '(': {
        if (rest_.starts_with("?") && !take("?:")) fail("uses (?, which is not supported");
        Expression group = choice(depth + 1);
        if (!take(")")) fail("lacks a )");
        return group;
      }
      case '^':
        atom.kind = Expression::Kind::begin;
        return atom;
      case '$':
        atom.kind = Expression::Kind::end;
        return atom;
      case '.':
        atom.characters = ~one('\n');
        return atom;
      case '[':
        atom.characters = bracket();
        return atom;
      case '\\':
        atom.characters = escaped();
        return atom;
      case '*':
      case '+':
      case '?':
      case '{':
      case '}':
        fail("has a " + std::string(1, c) + " where none is supported");
      default:
        atom.characters = one(c);
        return atom;
    }
  }

  Characters escaped() {
    const char c = next();
    const Characters digits = range('0', '9');
    const Characters words = digits | range('a', 'z') | range('A', 'Z') | one('_');
    const Characters spaces = range('\t', '\r') | one(' ');
    switch (c) {
      case 'd':
        return digits;
      case 'D':
        return ~digits;
      case 'w':
        return words;
      case 'W':
        return ~words;
      case 's':
        return spaces;
      case 'S':
        return ~spaces;
      default:
        if (is_letter_or_digit(c)) fail("uses \\" + std::string(1, c) + ", which is not supported");
        return one(c);
    }
  }

  // The rest of a class.
  Characters bracket() {
    const bool negated = take("^");
    Characters set;
    for (bool first = true; first || !rest_.starts_with("]"); first = false) {
      const char from = next();
      if (from == '[') fail("has a [ in a class, which is not supported");
      const Characters low = from == '\\' ? escaped() : one(from);
      if (low.count() == 1 && rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']') {
        rest_.remove_prefix(1);
        const char to = next();
        const Characters high = to == '\\' ? escaped() : one(to);
        if (high.count() != 1) fail("has a range without an end");
        if (first_of(high) < first_of(low)) fail("has a range that ends before it begins");
        set |= range(first_of(low), first_of(high));
      } else {
        set |= low;
      }
    }
    take("]");
    return negated ? ~set : set;
  }

  std::optional<int> number() {
    int value = 0;
    const auto [end, error] = std::from_chars(rest_.begin(), rest_.end(), value);
    if (error == std::errc::invalid_argument) return std::nullopt;
    if (error != std::errc() || value < 0 || value > kMaxRepeats) fail("repeats too often");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.begin()));
    return value;
  }

  Expression repeated(Expression atom) {
    Expression repeat;
    repeat.kind = Expression::Kind::repeat;
    repeat.most = -1;
    if (take("+")) {
      repeat.least = 1;
    } else if (take("?")) {
      repeat.most = 1;
    } else if (take("{")) {
      const auto least = number();
      if (!least) fail("has a { where none is supported");
      repeat.least = *least;
      repeat.most = *least;
      if (take(",")) repeat.most = number().value_or(-1);
      if (!take("}") || (repeat.most >= 0 && repeat.most < repeat.least)) {
        fail("has a { where none is supported");
      }
    } else if (!take("*")) {
      return atom;
    }
    take("?");  // which of several ways is tried first: whether there is one remains the same
    repeat.parts.push_back(std::move(atom));
    return repeat;
  }

  std::string_view rest_;
};

/// Writes steps from the last to the first, so that each knows what comes after it.
class Compiler {
 public:
  std::vector<Step> steps;
  std::vector<Characters> characters;

  std::size_t add(Step step) {
    if (steps.size() >= kMaxSteps) fail("is too large");
    steps.push_back(step);
    return steps.size() - 1;
  }

  // Where to begin in order to match `e` and go on at `next`.
  std::size_t compile(const Expression& e, std::size_t next) {
    if (++compiled_ > kMaxSteps) fail("is too large");  // some take no step
    switch (e.kind) {
      case Expression::Kind::characters:
        characters.push_back(e.characters);
        return add({Step::Kind::one_of, next, 0, characters.size() - 1});
      case Expression::Kind::begin:
        return add({Step::Kind::begin, next});
      case Expression::Kind::end:
        return add({Step::Kind::end, next});
      case Expression::Kind::sequence:
        for (std::size_t i = e.parts.size(); i > 0; --i) next = compile(e.parts[i - 1], next);
        return next;
      case Expression::Kind::choice: {
        std::size_t first = compile(e.parts.back(), next);
        for (std::size_t i = e.parts.size() - 1; i > 0; --i) {
          const std::size_t other = compile(e.parts[i - 1], next);
          first = add({Step::Kind::both, other, first});
        }
        return first;
      }
      case Expression::Kind::repeat:
        break;
    }
    return compile_repeat(e, next);
  }

 private:
  std::size_t compiled_ = 0;

  std::size_t compile_repeat(const Expression& e, std::size_t next) {
    if (e.most < 0) {
      const std::size_t loop = add({Step::Kind::both, 0, next});
      const std::size_t body = compile(e.parts[0], loop);
      steps[loop].next = body;
      next = loop;
    }
    const std::size_t after = next;
    for (int i = e.least; i < e.most; ++i) {
      const std::size_t body = compile(e.parts[0], next);
      next = add({Step::Kind::both, body, after});
    }
    for (int i = 0; i < e.least; ++i) next = compile(e.parts[0], next);
    return next;
  }
};

}  // namespace

// The steps begin at the last one.
ModulePattern::ModulePattern(std::string_view pattern) {
  if (pattern.size() > kMaxLength) fail("is longer than " + std::to_string(kMaxLength) + " bytes");
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (!std::ranges::all_of(pattern, is_ascii)) fail("is not ASCII");
  const Expression expression = Parser(pattern).parse();
  Compiler compiler;
  const std::size_t done = compiler.add({Step::Kind::done});
  const std::size_t end = compiler.add({Step::Kind::end, done});
  const std::size_t body = compiler.compile(expression, end);
  const std::size_t prefix = compiler.compile(Parser("(.*\\.)?").parse(), body);
  compiler.add({Step::Kind::both, prefix, prefix});
  steps_ = std::move(compiler.steps);
  characters_ = std::move(compiler.characters);
}

// Adds to `waiting` every step that wants a character, or is done, and that `step` leads to.
// Returns how many steps it took.
std::int64_t ModulePattern::follow(std::size_t step, std::size_t at, std::size_t length,
                                   std::vector<bool>& reached,
                                   std::vector<std::size_t>& waiting) const {
  std::int64_t taken = 0;
  std::vector<std::size_t> open = {step};
  const auto open_if = [&](bool allowed, std::size_t next) {
    if (allowed) open.push_back(next);
  };
  while (!open.empty()) {
    const std::size_t i = open.back();
    open.pop_back();
    ++taken;
    if (reached[i]) continue;
    reached[i] = true;
    const Step& s = steps_[i];
    switch (s.kind) {
      case Step::Kind::both:
        open.push_back(s.next);
        open.push_back(s.other);
        break;
      case Step::Kind::begin:
        open_if(at == 0, s.next);
        break;
      case Step::Kind::end:
        open_if(at == length, s.next);
        break;
      case Step::Kind::one_of:
      case Step::Kind::done:
        waiting.push_back(i);
        break;
    }
  }
  return taken;
}

bool ModulePattern::matches(std::string_view module, std::int64_t& budget) const {
  std::vector<std::size_t> waiting;
  std::vector<bool> reached(steps_.size());
  budget -= follow(steps_.size() - 1, 0, module.size(), reached, waiting);
  for (std::size_t at = 0; at < module.size() && !waiting.empty(); ++at) {
    budget -= static_cast<std::int64_t>(waiting.size() + steps_.size() / 64);
    if (budget < 0) return false;
    std::vector<std::size_t> next;
    reached.assign(steps_.size(), false);
    for (const std::size_t i : waiting) {
      const Step& s = steps_[i];
      const auto c = static_cast<unsigned char>(module[at]);
      if (s.kind != Step::Kind::one_of || !characters_[s.characters].test(c)) continue;
      budget -= follow(s.next, at + 1, module.size(), reached, next);
    }
    waiting = std::move(next);
  }
  return std::ranges::any_of(waiting,
                             [&](std::size_t i) { return steps_[i].kind == Step::Kind::done; });
}

}  // namespace azimuth
