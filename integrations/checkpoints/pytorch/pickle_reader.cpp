#include "pytorch/pickle_reader.h"

#include <cstring>
#include <string>

#include "azimuth/file_error.h"
#include "azimuth/utf8.h"
#include "pytorch/pickle_calls.h"
#include "pytorch/pickle_opcodes.h"

namespace azimuth {
namespace {

// A tensor takes some 30: room for more of them than any model has.
constexpr std::size_t kMaxPickleValues = 4'000'000;
constexpr int kMaxProtocol = 5;

class PickleReader {
 public:
  PickleReader(const std::filesystem::path& file, std::string_view what,
               std::span<const std::byte> bytes, std::size_t begin)
      : errors_{file, what}, bytes_(bytes), position_(begin), calls_(errors_, pickle_) {}

  Pickle read() {
    if (number<unsigned char>() != kProto) fail("is not a pickle of protocol 2 to 5");
    const int protocol = number<unsigned char>();
    if (protocol < 2 || protocol > kMaxProtocol) {
      fail("is of protocol " + std::to_string(protocol) + "; 2 to 5 are read");
    }
    for (;;) {
      const auto opcode = number<unsigned char>();
      if (opcode == kStop) break;
      run(opcode);
    }
    pickle_.root = pop();
    if (!stack_.empty() || !marks_.empty()) fail("ends with values left over");
    pickle_.end = position_;
    pickle_.values = values_;
    return std::move(pickle_);
  }

 private:
  [[noreturn]] void fail(std::string_view why) const { errors_.fail(why); }

  void run(unsigned char opcode) {
    switch (opcode) {
      case kNone:
        return push({});
      case kNewTrue:
      case kNewFalse:
        return push({PickleKind::boolean, opcode == kNewTrue});
      case kBinInt:
        return push_integer(number<std::int32_t>());
      case kBinInt1:
        return push_integer(number<std::uint8_t>());
      case kBinInt2:
        return push_integer(number<std::uint16_t>());
      case kLong1:
        return push_long(take(number<std::uint8_t>()));
      case kLong4:
        return push_long(take(number<std::uint32_t>()));
      case kBinFloat:
        take(8);
        return push({PickleKind::opaque});
      case kBinUnicode:
        return push_text(take(number<std::uint32_t>()));
      case kShortBinUnicode:
        return push_text(take(number<std::uint8_t>()));
      case kBinUnicode8:
        return push_text(take(number<std::uint64_t>()));
      case kBinBytes:
        take(number<std::uint32_t>());
        return push({PickleKind::opaque});
      case kShortBinBytes:
        take(number<std::uint8_t>());
        return push({PickleKind::opaque});
      case kBinBytes8:
      case kByteArray8:
        take(number<std::uint64_t>());
        return push({PickleKind::opaque});
      case kFrame:  // only says how much to read at once
        number<std::uint64_t>();
        return;
      case kBinGet:
        return push(recall(number<std::uint8_t>()));
      case kLongBinGet:
        return push(recall(number<std::uint32_t>()));
      case kBinPut:
        return remember(number<std::uint8_t>());
      case kLongBinPut:
        return remember(number<std::uint32_t>());
      case kMemoize:
        return remember(memo_.size());
      default:
        return build(opcode);
    }
  }

  void build(unsigned char opcode) {
    switch (opcode) {
      case kMark:
        // Bounded like the values, since each takes as much.
        count();
        return marks_.push_back(stack_.size());
      case kPop:
        if (!marks_.empty() && stack_.size() == marks_.back()) return marks_.pop_back();
        pop();
        return;
      case kPopMark:
        pop_to_mark();
        return;
      case kEmptyTuple:
        return push(calls_.make(PickleKind::tuple, {}));
      case kTuple1:
      case kTuple2:
      case kTuple3:
        return push(calls_.make(PickleKind::tuple, pop_last(opcode - kTuple1 + 1u)));
      case kTuple:
        return push(calls_.make(PickleKind::tuple, pop_to_mark()));
      case kEmptyList:
        return push(calls_.make(PickleKind::list, {}));
      case kAppend:
        return append(pop_last(1));
      case kAppends:
        return append(pop_to_mark());
      case kEmptyDict:
        return push(calls_.make(PickleKind::dict, {}));
      case kSetItem:
        return set_items(pop_last(2));
      case kSetItems:
        return set_items(pop_to_mark());
      case kEmptySet:
        return push({PickleKind::opaque});
      case kFrozenSet:
        pop_to_mark();
        return push({PickleKind::opaque});
      case kAddItems:
        pop_to_mark();
        if (top().kind == PickleKind::unknown) return;
        if (top().kind != PickleKind::opaque) fail("adds to something that is not a set");
        return;
      default:
        return call(opcode);
    }
  }

  void call(unsigned char opcode) {
    switch (opcode) {
      case kGlobal: {
        const std::string_view module = take_line();
        return push(calls_.global(module, take_line()));
      }
      case kStackGlobal: {
        const auto names = pop_last(2);
        if (names[0].kind != PickleKind::text || names[1].kind != PickleKind::text) {
          fail("refers to a global whose name is not text");
        }
        return push(calls_.global(names[0].text, names[1].text));
      }
      case kReduce: {
        const auto values = pop_last(2);
        return push(calls_.reduce(values[0], values[1]));
      }
      case kNewObj: {
        const auto values = pop_last(2);
        return push(calls_.make_record(values[0], values[1]));
      }
      case kNewObjEx: {
        const auto values = pop_last(3);
        return push(calls_.make_record(values[0], values[1], values[2]));
      }
      case kBuild: {
        const auto values = pop_last(2);
        calls_.set_state(values[0], values[1]);
        return push(values[0]);
      }
      case kBinPersId:
        return push(calls_.storage(pop()));
      default:
        fail("has the opcode " + std::to_string(opcode) + " at byte " +
             std::to_string(position_ - 1) + ", which PyTorch does not write");
    }
  }

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - position_) {
      fail("ends at byte " + std::to_string(bytes_.size()) + ", but at byte " +
           std::to_string(position_) + " it claims " + std::to_string(count) + " more");
    }
    const auto* begin = reinterpret_cast<const char*>(bytes_.data()) + position_;
    position_ += static_cast<std::size_t>(count);
    return {begin, static_cast<std::size_t>(count)};
  }

  template <class Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string_view take_line() {
    const auto* begin = reinterpret_cast<const char*>(bytes_.data()) + position_;
    const void* end = std::memchr(begin, '\n', bytes_.size() - position_);
    if (end == nullptr) fail("ends within the name of a global");
    const auto length = static_cast<std::size_t>(static_cast<const char*>(end) - begin);
    position_ += length + 1;
    return {begin, length};
  }

  void count() {
    if (++values_ > kMaxPickleValues) {
      fail("holds more than the " + std::to_string(kMaxPickleValues) + " values that are read");
    }
  }

  void push(const PickleValue& value) {
    count();
    stack_.push_back(value);
  }

  void push_integer(std::int64_t integer) { push({PickleKind::integer, integer}); }

  void push_long(std::string_view digits) {
    if (digits.size() > sizeof(std::int64_t)) {
      return push({.kind = PickleKind::long_integer, .text = digits});
    }
    std::int64_t value = 0;
    if (!digits.empty() && (digits.back() & 0x80) != 0) value = -1;
    std::memcpy(&value, digits.data(), digits.size());
    push_integer(value);
  }

  void push_text(std::string_view text) {
    if (!is_utf8(text)) fail("holds text that is not UTF-8: " + std::string(text.substr(0, 120)));
    push({.kind = PickleKind::text, .text = text});
  }

  // Nothing below the last mark is taken.
  PickleValue pop() { return pop_last(1).front(); }

  std::vector<PickleValue> pop_last(std::size_t count) {
    if (stack_.size() - (marks_.empty() ? 0 : marks_.back()) < count) {
      fail("takes a value at byte " + std::to_string(position_) + " where there is none");
    }
    return take_from(stack_.size() - count);
  }

  std::vector<PickleValue> pop_to_mark() {
    if (marks_.empty()) fail("has no mark at byte " + std::to_string(position_));
    const std::size_t begin = marks_.back();
    marks_.pop_back();
    return take_from(begin);
  }

  std::vector<PickleValue> take_from(std::size_t begin) {
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(begin);
    std::vector<PickleValue> values(first, stack_.end());
    stack_.erase(first, stack_.end());
    return values;
  }

  PickleValue& top() {
    if (stack_.size() == (marks_.empty() ? 0 : marks_.back())) {
      fail("needs a value at byte " + std::to_string(position_) + " where there is none");
    }
    return stack_.back();
  }

  void append(const std::vector<PickleValue>& values) {
    const PickleValue& list = top();
    if (list.kind == PickleKind::unknown) return;
    if (list.kind != PickleKind::list) fail("appends to something that is not a list");
    list.items->insert(list.items->end(), values.begin(), values.end());
  }

  void set_items(const std::vector<PickleValue>& values) {
    const PickleValue& dict = top();
    if (dict.kind == PickleKind::unknown) return;
    if (dict.kind != PickleKind::dict) fail("sets an item of something that is not a dict");
    if (values.size() % 2 != 0) fail("sets a key without a value");
    dict.items->insert(dict.items->end(), values.begin(), values.end());
  }

  // PyTorch and Python count from 0, and leave no number out.
  void remember(std::uint64_t place) {
    const PickleValue value = top();
    if (place > memo_.size()) {
      fail("remembers a value as number " + std::to_string(place) + " after " +
           std::to_string(memo_.size()) + " values");
    }
    if (place == memo_.size()) {
      count();
      memo_.push_back(value);
    } else {
      memo_[static_cast<std::size_t>(place)] = value;
    }
  }

  const PickleValue& recall(std::uint64_t place) {
    if (place >= memo_.size()) {
      fail("recalls value number " + std::to_string(place) + " of " + std::to_string(memo_.size()));
    }
    return memo_[static_cast<std::size_t>(place)];
  }

  PickleErrors errors_;
  std::span<const std::byte> bytes_;
  std::size_t position_;
  std::size_t values_ = 0;
  Pickle pickle_;
  PickleCalls calls_;
  std::vector<PickleValue> stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack
  std::vector<PickleValue> memo_;
};

}  // namespace

Pickle read_pickle(const std::filesystem::path& file, std::string_view what,
                   std::span<const std::byte> bytes, std::size_t begin) {
  return PickleReader(file, what, bytes, begin).read();
}

}  // namespace azimuth
