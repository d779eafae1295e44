#include "gguf/gguf_layout.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "azimuth/utf8.h"
#include "gguf/gguf_cursor.h"

// The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
namespace azimuth {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are read where they lie");

// Far more than any model has; they bound what a claimed count can cost.
constexpr std::uint64_t kMaxCount = 100'000;
constexpr std::size_t kMaxKeyBytes = 65'535;     // the format's own limit
constexpr std::size_t kMaxTensorNameBytes = 64;  // the format's own limit
constexpr std::uint32_t kMaxDims = 4;            // the format's own limit
constexpr int kMaxArrayDepth = 4;

// Of ggml's enumeration. Those without a stored type are named in messages; an empty name is a
// number that was never given, or withdrawn.
struct TensorType {
  std::string_view name;
  std::optional<StoredType> stored = {};
};
constexpr TensorType kTensorTypes[] = {
    {"F32", StoredType::f32},
    {"F16", StoredType::f16},
    {"Q4_0", StoredType::q4_0},
    {"Q4_1", StoredType::q4_1},
    {},
    {},
    {"Q5_0", StoredType::q5_0},
    {"Q5_1", StoredType::q5_1},
    {"Q8_0", StoredType::q8_0},
    {"Q8_1"},
    {"Q2_K", StoredType::q2_k},
    {"Q3_K", StoredType::q3_k},
    {"Q4_K", StoredType::q4_k},
    {"Q5_K", StoredType::q5_k},
    {"Q6_K", StoredType::q6_k},
    {"Q8_K"},
    {"IQ2_XXS", StoredType::iq2_xxs},
    {"IQ2_XS", StoredType::iq2_xs},
    {"IQ3_XXS", StoredType::iq3_xxs},
    {"IQ1_S", StoredType::iq1_s},
    {"IQ4_NL", StoredType::iq4_nl},
    {"IQ3_S", StoredType::iq3_s},
    {"IQ2_S", StoredType::iq2_s},
    {"IQ4_XS", StoredType::iq4_xs},
    {"I8"},
    {"I16"},
    {"I32"},
    {"I64"},
    {"F64"},
    {"IQ1_M", StoredType::iq1_m},
    {"BF16", StoredType::bf16},
    {},
    {},
    {},
    {"TQ1_0", StoredType::tq1_0},
    {"TQ2_0", StoredType::tq2_0},
    {},
    {},
    {},
    {"MXFP4", StoredType::mxfp4},
    {"NVFP4", StoredType::nvfp4},
    {"Q1_0"},
};

TensorType type_of(std::uint32_t number) {
  return number < std::size(kTensorTypes) ? kTensorTypes[number] : TensorType{};
}

std::string why_not_read(std::uint32_t number) {
  std::string readable;
  for (const TensorType& known : kTensorTypes) {
    if (known.stored) readable += (readable.empty() ? "" : ", ") + std::string(known.name);
  }
  const std::string_view name = type_of(number).name;
  return "its type is " + (name.empty() ? "number " + std::to_string(number) : std::string(name)) +
         "; types that can be read are " + readable;
}

// Bytes of a value that has a fixed size, 0 of one that has not; nothing if there is no such type.
std::optional<std::uint64_t> size_of(GgufType type) {
  switch (type) {
    case GgufType::u8:
    case GgufType::i8:
    case GgufType::boolean:
      return 1;
    case GgufType::u16:
    case GgufType::i16:
      return 2;
    case GgufType::u32:
    case GgufType::i32:
    case GgufType::f32:
      return 4;
    case GgufType::u64:
    case GgufType::i64:
    case GgufType::f64:
      return 8;
    case GgufType::string:
    case GgufType::array:
      return 0;
  }
  return std::nullopt;
}

GgufValue read_array(GgufCursor& cursor, int depth);

void skip_values(GgufCursor& cursor, GgufType type, std::uint64_t count, int depth) {
  const std::optional<std::uint64_t> size = size_of(type);
  if (!size) cursor.fail("there is no type " + std::to_string(static_cast<std::uint32_t>(type)));
  if (*size > 0) {
    cursor.skip(count, *size);
    return;
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    if (type == GgufType::string) {
      cursor.string();
    } else {
      read_array(cursor, depth + 1);
    }
  }
}

GgufValue read_array(GgufCursor& cursor, int depth) {
  if (depth > kMaxArrayDepth) {
    cursor.fail("arrays are nested more than " + std::to_string(kMaxArrayDepth) + " deep");
  }
  GgufValue value = {.is_array = true, .type = GgufType{cursor.number<std::uint32_t>()}};
  value.count = cursor.number<std::uint64_t>();
  value.position = cursor.position();
  skip_values(cursor, value.type, value.count, depth);
  return value;
}

GgufValue read_value(GgufCursor& cursor) {
  const GgufType type{cursor.number<std::uint32_t>()};
  if (type == GgufType::array) return read_array(cursor, 1);
  GgufValue value = {.type = type, .position = cursor.position()};
  skip_values(cursor, type, 1, 0);
  return value;
}

std::string_view read_name(GgufCursor& cursor, std::string_view kind, std::uint64_t index,
                           std::size_t limit) {
  const std::string number = "number " + std::to_string(index + 1);
  cursor.enter(kind, number);
  const std::string_view name = cursor.string();
  if (name.empty()) cursor.fail("its name is empty");
  if (name.size() > limit) {
    cursor.fail("its name has " + std::to_string(name.size()) + " bytes; at most " +
                std::to_string(limit) + " are allowed");
  }
  cursor.enter(kind, name);
  if (!is_utf8(name)) cursor.fail("its name is not UTF-8");
  return name;
}

std::uint64_t read_count(GgufCursor& cursor, const char* of) {
  const auto count = cursor.number<std::uint64_t>();
  if (count > kMaxCount) {
    cursor.fail("claims " + std::to_string(count) + " " + of + "; at most " +
                std::to_string(kMaxCount) + " are read");
  }
  return count;
}

std::uint64_t read_alignment(GgufCursor& cursor, const GgufLayout& layout,
                             std::span<const std::byte> bytes) {
  const auto found = layout.values.find("general.alignment");
  if (found == layout.values.end()) return 32;
  cursor.enter("key", "general.alignment");
  if (found->second.is_array || found->second.type != GgufType::u32) {
    cursor.fail("is not an unsigned 32-bit integer");
  }
  std::uint32_t alignment = 0;
  std::memcpy(&alignment, bytes.data() + found->second.position, sizeof alignment);
  if (alignment < 8 || !std::has_single_bit(alignment)) {
    cursor.fail("is " + std::to_string(alignment) + ", not a power of two from 8");
  }
  return alignment;
}

std::int64_t multiply(const GgufCursor& cursor, std::int64_t a, std::int64_t b) {
  if (b != 0 && a > std::numeric_limits<std::int64_t>::max() / b) {
    cursor.fail("its size overflows");
  }
  return a * b;
}

/// A tensor as the header describes it.
struct Description {
  std::vector<std::int64_t> shape;
  std::int64_t size = 1;  ///< numbers
  std::uint32_t type = 0;
  std::uint64_t offset = 0;  ///< where the data begin, within all data
};

Description read_description(GgufCursor& cursor) {
  Description tensor;
  const auto dims = cursor.number<std::uint32_t>();
  if (dims < 1 || dims > kMaxDims) {
    cursor.fail("has " + std::to_string(dims) + " dimensions; 1 to " + std::to_string(kMaxDims) +
                " are allowed");
  }
  for (std::uint32_t i = 0; i < dims; ++i) {
    const auto dim = cursor.number<std::uint64_t>();
    if (dim > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      cursor.fail("its size overflows");
    }
    tensor.size = multiply(cursor, tensor.size, static_cast<std::int64_t>(dim));
    tensor.shape.push_back(static_cast<std::int64_t>(dim));
  }
  std::ranges::reverse(tensor.shape);
  tensor.type = cursor.number<std::uint32_t>();
  tensor.offset = cursor.number<std::uint64_t>();
  return tensor;
}

// Of a type that is read; the data come later.
TensorView view_of(const GgufCursor& cursor, Description tensor, StoredType type) {
  TensorView view = {type, std::move(tensor.shape), nullptr};
  if (view.columns() % block_length(view.type) != 0) {
    cursor.fail("its rows of " + std::to_string(view.columns()) +
                " numbers are not whole blocks of " + std::to_string(block_length(view.type)));
  }
  multiply(cursor, tensor.size / block_length(view.type), block_bytes(view.type));
  return view;
}

// Gives every tensor its data, all of which must lie in the file, aligned and apart.
void place_data(GgufCursor& cursor, GgufLayout& layout, const std::vector<std::uint64_t>& offsets,
                std::span<const std::byte> bytes, std::uint64_t alignment) {
  const std::uint64_t start = (cursor.position() + alignment - 1) / alignment * alignment;
  const std::uint64_t available = bytes.size() - std::min<std::uint64_t>(start, bytes.size());
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < layout.tensors.size(); ++i) {
    NamedTensor& tensor = layout.tensors[i];
    cursor.enter("tensor", tensor.name);
    const auto size = static_cast<std::uint64_t>(tensor.view.bytes());
    if (offsets[i] % alignment != 0) {
      cursor.fail("its offset " + std::to_string(offsets[i]) +
                  " is not a multiple of the alignment " + std::to_string(alignment));
    }
    if (offsets[i] > available || size > available - offsets[i]) {
      cursor.fail("its " + std::to_string(size) + " bytes at offset " + std::to_string(offsets[i]) +
                  " lie beyond the file's " + std::to_string(available) + " bytes of data");
    }
    tensor.view.data = bytes.data() + start + offsets[i];
    order.push_back(i);
  }
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return offsets[i]; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const NamedTensor& before = layout.tensors[order[i - 1]];
    const NamedTensor& after = layout.tensors[order[i]];
    if (before.view.data + before.view.bytes() > after.view.data) {
      cursor.enter("tensor", after.name);
      cursor.fail("its data overlap those of tensor " + before.name);
    }
  }
}

}  // namespace

GgufLayout read_gguf_layout(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  GgufCursor cursor(file, bytes, 0);
  cursor.enter("header");
  if (cursor.number<std::array<char, 4>>() != std::array{'G', 'G', 'U', 'F'}) {
    cursor.fail("does not begin with \"GGUF\": this is not a GGUF file");
  }
  const auto version = cursor.number<std::uint32_t>();
  if (version == 0x02000000 || version == 0x03000000)
    cursor.fail("is big-endian, not little-endian");
  if (version != 2 && version != 3) {
    cursor.fail("version is " + std::to_string(version) + "; 2 and 3 can be read");
  }
  const std::uint64_t tensor_count = read_count(cursor, "tensors");
  const std::uint64_t key_count = read_count(cursor, "metadata keys");

  GgufLayout layout;
  for (std::uint64_t i = 0; i < key_count; ++i) {
    const std::string_view key = read_name(cursor, "key", i, kMaxKeyBytes);
    if (!layout.values.try_emplace(key, read_value(cursor)).second) cursor.fail("appears twice");
    layout.keys.push_back(key);
  }
  std::vector<std::uint64_t> offsets;
  std::set<std::string_view> names;
  for (std::uint64_t i = 0; i < tensor_count; ++i) {
    const std::string_view name = read_name(cursor, "tensor", i, kMaxTensorNameBytes);
    if (!names.insert(name).second) cursor.fail("appears twice");
    Description tensor = read_description(cursor);
    const TensorType type = type_of(tensor.type);
    if (!type.stored) {
      layout.unreadable.push_back(
          {std::string(name), why_not_read(tensor.type), tensor.size == 0, type.name == "I64"});
    } else if (tensor.size == 0) {
      layout.unreadable.push_back({std::string(name), "has a dimension of 0", true});
    } else {
      offsets.push_back(tensor.offset);
      TensorView view = view_of(cursor, std::move(tensor), *type.stored);
      layout.tensors.push_back({std::string(name), std::move(view), {}, {}});
    }
  }
  place_data(cursor, layout, offsets, bytes, read_alignment(cursor, layout, bytes));
  return layout;
}

}  // namespace azimuth
