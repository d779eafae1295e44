#include "azimuth/gguf_file.h"

#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

#include "gguf_cursor.h"
#include "gguf_layout.h"
#include "mapped_file.h"

namespace azimuth {
namespace {

// Calls `use` with the number that `type` says lies at the cursor; false if it is none.
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
    if (type != GgufType::string) cursor.fail("is no string");
    return cursor.string();
  } else {
    constexpr bool wants_integer = std::is_integral_v<Wanted>;
    Wanted result = {};
    const bool is_number = with_number(cursor, type, [&](auto number) {
      if (std::is_integral_v<decltype(number)> != wants_integer) {
        cursor.fail(wants_integer ? "is no integer" : "is no floating-point number");
      }
      if constexpr (std::is_same_v<decltype(number), std::uint64_t>) {
        if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
          cursor.fail("does not fit a signed 64-bit integer");
        }
      }
      result = static_cast<Wanted>(number);
    });
    if (!is_number) cursor.fail(wants_integer ? "is no integer" : "is no floating-point number");
    return result;
  }
}

}  // namespace

struct GgufFile::Contents {
  explicit Contents(const std::filesystem::path& file)
      : path(file), mapping(file), layout(read_gguf_layout(path, mapping.bytes())) {}

  template <class Wanted>
  std::vector<Wanted> get(std::string_view key, bool array) const {
    const auto found = layout.values.find(key);
    GgufCursor cursor(path, mapping.bytes(),
                      found == layout.values.end() ? 0 : found->second.position);
    cursor.enter("key", key);
    if (found == layout.values.end()) cursor.fail("is missing");
    const GgufValue& value = found->second;
    if (value.is_array != array) cursor.fail(array ? "is no array" : "is an array");
    std::vector<Wanted> result;
    for (std::uint64_t i = 0; i < value.count; ++i) {
      result.push_back(read<Wanted>(cursor, value.type));
    }
    return result;
  }

  std::filesystem::path path;
  MappedFile mapping;
  GgufLayout layout;
};

GgufFile GgufFile::open(const std::filesystem::path& file) {
  return GgufFile(std::make_shared<const Contents>(file));
}

const std::filesystem::path& GgufFile::path() const { return contents_->path; }

std::vector<std::string_view> GgufFile::keys() const { return contents_->layout.keys; }

bool GgufFile::has(std::string_view key) const { return contents_->layout.values.contains(key); }

std::int64_t GgufFile::integer(std::string_view key) const {
  return contents_->get<std::int64_t>(key, false).front();
}

double GgufFile::real(std::string_view key) const {
  return contents_->get<double>(key, false).front();
}

std::string_view GgufFile::string(std::string_view key) const {
  return contents_->get<std::string_view>(key, false).front();
}

std::vector<std::int64_t> GgufFile::integers(std::string_view key) const {
  return contents_->get<std::int64_t>(key, true);
}

std::vector<double> GgufFile::reals(std::string_view key) const {
  return contents_->get<double>(key, true);
}

std::vector<std::string_view> GgufFile::strings(std::string_view key) const {
  return contents_->get<std::string_view>(key, true);
}

NamedTensors GgufFile::tensors() const {
  NamedTensors result;
  result.tensors = contents_->layout.tensors;
  for (const NamedTensor& tensor : result.tensors) result.parameter_count += tensor.view.size();
  result.storage = contents_;
  return result;
}

}  // namespace azimuth
