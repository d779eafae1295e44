#include "gguf/gguf_part.h"

#include <limits>
#include <type_traits>

#include "gguf/gguf_cursor.h"

namespace azimuth {
namespace {

// Calls `use` with the number that `type` says lies at the cursor; false if it is not a number.
template <class Use>
bool with_number(GgufCursor& cursor, GgufType type, const Use& use) {
  switch (type) {
    case GgufType::u8:
      use(cursor.number<std::uint8_t>());
      return true;
    case GgufType::i8:
      use(cursor.number<std::int8_t>());
      return true;
    case GgufType::u16:
      use(cursor.number<std::uint16_t>());
      return true;
    case GgufType::i16:
      use(cursor.number<std::int16_t>());
      return true;
    case GgufType::u32:
      use(cursor.number<std::uint32_t>());
      return true;
    case GgufType::i32:
      use(cursor.number<std::int32_t>());
      return true;
    case GgufType::u64:
      use(cursor.number<std::uint64_t>());
      return true;
    case GgufType::i64:
      use(cursor.number<std::int64_t>());
      return true;
    case GgufType::f32:
      use(cursor.number<float>());
      return true;
    case GgufType::f64:
      use(cursor.number<double>());
      return true;
    default:
      return false;
  }
}

// One value of the type that the caller wants, or a FileError.
template <class Wanted>
Wanted read(GgufCursor& cursor, GgufType type) {
  if constexpr (std::is_same_v<Wanted, std::string_view>) {
    if (type != GgufType::string) cursor.fail("is not a string");
    return cursor.string();
  } else if constexpr (std::is_same_v<Wanted, bool>) {
    if (type != GgufType::boolean) cursor.fail("is neither true nor false");
    return cursor.number<std::uint8_t>() != 0;
  } else {
    constexpr bool wants_integer = std::is_integral_v<Wanted>;
    Wanted result = {};
    const bool is_number = with_number(cursor, type, [&](auto number) {
      if (std::is_integral_v<decltype(number)> != wants_integer) {
        cursor.fail(wants_integer ? "is not an integer" : "is not a floating-point number");
      }
      if constexpr (std::is_same_v<decltype(number), std::uint64_t>) {
        if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
          cursor.fail("does not fit a signed 64-bit integer");
        }
      }
      result = static_cast<Wanted>(number);
    });
    if (!is_number) {
      cursor.fail(wants_integer ? "is not an integer" : "is not a floating-point number");
    }
    return result;
  }
}

}  // namespace

GgufPart::GgufPart(const std::filesystem::path& file)
    : path_(file), mapping_(file), layout_(read_gguf_layout(path_, mapping_.bytes())) {}

const GgufValue& GgufPart::find(std::string_view key, bool array) const {
  const auto found = layout_.values.find(key);
  const auto fail = [&](const char* why) {
    throw FileError(path_, "key " + std::string(key), why);
  };
  if (found == layout_.values.end()) fail("is missing");
  if (found->second.is_array != array) fail(array ? "is not an array" : "is an array");
  return found->second;
}

std::int64_t GgufPart::length(std::string_view key) const {
  return static_cast<std::int64_t>(find(key, true).count);
}

template <class Wanted>
std::vector<Wanted> GgufPart::values(std::string_view key, bool array) const {
  const GgufValue& value = find(key, array);
  GgufCursor cursor(path_, mapping_.bytes(), value.position);
  cursor.enter("key", key);
  std::vector<Wanted> result;
  for (std::uint64_t i = 0; i < value.count; ++i) {
    result.push_back(read<Wanted>(cursor, value.type));
  }
  return result;
}

template std::vector<std::int64_t> GgufPart::values(std::string_view key, bool array) const;
template std::vector<double> GgufPart::values(std::string_view key, bool array) const;
template std::vector<bool> GgufPart::values(std::string_view key, bool array) const;
template std::vector<std::string_view> GgufPart::values(std::string_view key, bool array) const;

}  // namespace azimuth
