#include "azimuth/safetensors_file.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "files/mapped_file.h"
#include "files/strict_json.h"

// The format: https://github.com/huggingface/safetensors#format
namespace azimuth {
namespace {

static_assert(std::endian::native == std::endian::little,
              "safetensors files are read where they lie");

constexpr std::size_t kLengthBytes = 8;
// A header takes some 100 bytes and 8 values a tensor: room for more tensors than any model has.
constexpr std::uint64_t kMaxHeaderBytes = 32 << 20;
constexpr std::size_t kMaxHeaderValues = 2'000'000;

// Numbers that are not read, but whose size is known, have no stored type.
struct NumberType {
  std::string_view name;
  std::int64_t bytes;
  std::optional<StoredType> stored;
};

constexpr NumberType kNumberTypes[] = {
    {"F32", 4, StoredType::f32},
    {"F16", 2, StoredType::f16},
    {"BF16", 2, StoredType::bf16},
    {"BOOL", 1, {}},
    {"U8", 1, {}},
    {"I8", 1, {}},
    {"F8_E4M3", 1, {}},
    {"F8_E5M2", 1, {}},
    {"F8_E8M0", 1, {}},
    {"U16", 2, {}},
    {"I16", 2, {}},
    {"U32", 4, {}},
    {"I32", 4, {}},
    {"U64", 8, {}},
    {"I64", 8, {}},
};

// A tensor of any type; `begin` and `end` count from the first byte of the data.
struct Entry {
  std::string name;
  std::vector<std::int64_t> shape;
  StoredType stored = StoredType::f32;
  std::string dtype;       // as the file spells it, if it is known
  std::string unreadable;  // why, or empty
  bool counts = false;
  bool empty = false;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

std::optional<std::int64_t> natural_number(const nlohmann::json& value) {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMax) return std::nullopt;
  return value.get<std::int64_t>();
}

class EntryReader {
 public:
  EntryReader(const std::filesystem::path& file, std::int64_t data_bytes)
      : file_(file), data_bytes_(data_bytes) {}

  Entry read(const std::string& name, const nlohmann::json& description) {
    name_ = name;
    if (!description.is_object()) fail("its description is not an object");
    Entry entry;
    entry.name = name;
    const std::string& dtype = type_name(field(description, "dtype"));
    const auto type = std::ranges::find(kNumberTypes, dtype, &NumberType::name);
    const bool known = type != std::end(kNumberTypes);
    if (known) entry.dtype = dtype;
    if (known && type->stored) {
      entry.stored = *type->stored;
    } else {
      entry.counts = dtype == "BOOL" || dtype == "I64" || dtype == "U64";
      entry.unreadable = "its type is " + (dtype.empty() ? "''" : dtype.substr(0, 120)) +
                         "; F32, F16 and BF16 can be read";
    }
    entry.shape = shape(field(description, "shape"));
    const nlohmann::json& offsets = field(description, "data_offsets");
    const auto begin =
        offsets.is_array() && offsets.size() == 2 ? natural_number(offsets[0]) : std::nullopt;
    const auto end = begin ? natural_number(offsets[1]) : std::nullopt;
    if (!end) fail("its data_offsets are not two integers from 0");
    if (*begin > *end) {
      fail("its data begin at byte " + std::to_string(*begin) + " and end at byte " +
           std::to_string(*end));
    }
    if (*end > data_bytes_) {
      fail("its data end at byte " + std::to_string(*end) + ", beyond the file's " +
           std::to_string(data_bytes_) + " bytes of data");
    }
    std::int64_t bytes = known ? type->bytes : 1;
    for (const std::int64_t dim : entry.shape) bytes = multiply(bytes, dim);
    // Of a type that is not known the bytes are what the offsets say.
    if (known && bytes != *end - *begin) {
      fail("its shape takes " + std::to_string(bytes) + " bytes, but its data have " +
           std::to_string(*end - *begin));
    }
    entry.empty = *begin == *end;
    if (entry.empty && entry.unreadable.empty()) entry.unreadable = "has a dimension of 0";
    entry.begin = *begin;
    entry.end = *end;
    return entry;
  }

  // The format has no room between tensors, before the first or after the last.
  void check_order(std::vector<Entry>& entries) {
    // One without numbers stands before the one that begins where it does.
    std::ranges::stable_sort(entries, {}, [](const Entry& e) { return std::pair(e.begin, e.end); });
    std::int64_t position = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      name_ = entries[i].name;
      if (entries[i].begin < position) {
        fail("its data overlap those of tensor " + entries[i - 1].name);
      }
      if (entries[i].begin > position) {
        fail("its data begin at byte " + std::to_string(entries[i].begin) +
             "; no tensor has the bytes from " + std::to_string(position));
      }
      position = entries[i].end;
    }
    if (position != data_bytes_) {
      throw FileError(file_, "header",
                      "the tensors have " + std::to_string(position) +
                          " bytes of data, but the file has " + std::to_string(data_bytes_));
    }
  }

 private:
  [[noreturn]] void fail(std::string_view why) const {
    throw FileError(file_, "tensor " + name_, why);
  }

  const nlohmann::json& field(const nlohmann::json& description, const char* key) const {
    const auto found = description.find(key);
    if (found == description.end()) fail(std::string("its ") + key + " is missing");
    return *found;
  }

  const std::string& type_name(const nlohmann::json& dtype) const {
    if (!dtype.is_string()) fail("its dtype is not a string");
    return dtype.get_ref<const std::string&>();
  }

  std::vector<std::int64_t> shape(const nlohmann::json& dims) const {
    if (!dims.is_array()) fail("its shape is not an array");
    std::vector<std::int64_t> shape;
    for (const nlohmann::json& dim : dims) {
      const auto number = natural_number(dim);
      if (!number) fail("its shape holds something other than integers from 0");
      shape.push_back(*number);
    }
    return shape;
  }

  std::int64_t multiply(std::int64_t a, std::int64_t b) const {
    if (b != 0 && a > std::numeric_limits<std::int64_t>::max() / b) fail("its size overflows");
    return a * b;
  }

  const std::filesystem::path& file_;
  std::int64_t data_bytes_;
  std::string name_;
};

std::uint64_t header_bytes(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  if (bytes.size() < kLengthBytes) {
    throw FileError(file, "header", "the file ends at byte " + std::to_string(bytes.size()));
  }
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > bytes.size() - kLengthBytes) {
    throw FileError(file, "header",
                    "claims " + std::to_string(length) + " bytes, but only " +
                        std::to_string(bytes.size() - kLengthBytes) +
                        " follow: the file is cut, or is not a safetensors file");
  }
  if (length > kMaxHeaderBytes) {
    throw FileError(file, "header",
                    "claims " + std::to_string(length) + " bytes; at most " +
                        std::to_string(kMaxHeaderBytes) + " are read");
  }
  return length;
}

std::vector<Entry> read_header(const std::filesystem::path& file, std::span<const std::byte> header,
                               std::size_t data_bytes) {
  const nlohmann::json json = parse_json<nlohmann::json>(
      file, "header", {reinterpret_cast<const char*>(header.data()), header.size()},
      kMaxHeaderValues);
  if (!json.is_object()) throw FileError(file, "header", "is not a JSON object");
  EntryReader reader(file, static_cast<std::int64_t>(data_bytes));
  std::vector<Entry> entries;
  for (const auto& [name, description] : json.items()) {
    if (name != "__metadata__") entries.push_back(reader.read(name, description));
  }
  reader.check_order(entries);
  return entries;
}

bool is_aligned(const std::byte* data) {
  return reinterpret_cast<std::uintptr_t>(data) % alignof(float) == 0;
}

}  // namespace

struct SafetensorsFile::Contents {
  explicit Contents(const std::filesystem::path& file) : path(file), mapping(file) {
    const auto bytes = mapping.bytes();
    const std::size_t length = header_bytes(path, bytes);
    const auto data = bytes.subspan(kLengthBytes + length);
    for (Entry& entry : read_header(path, bytes.subspan(kLengthBytes, length), data.size())) {
      names.insert(entry.name);
      if (!entry.unreadable.empty()) {
        UnreadableTensor& tensor = unreadable.emplace_back();
        tensor = {std::move(entry.name), std::move(entry.unreadable), entry.empty, entry.counts};
        if (entry.dtype.empty()) continue;
        const auto size = static_cast<std::size_t>(entry.end - entry.begin);
        tensor.raw = {std::move(entry.dtype), std::move(entry.shape),
                      data.subspan(static_cast<std::size_t>(entry.begin), size)};
        continue;
      }
      TensorView view = {entry.stored, std::move(entry.shape), data.data() + entry.begin};
      // Other types are unpacked number by number, wherever they lie.
      if (view.type == StoredType::f32 && !is_aligned(view.data)) view.data = copy_of(view);
      tensors.push_back({std::move(entry.name), std::move(view), {}, {}});
    }
  }

  const std::byte* copy_of(const TensorView& view) {
    auto copy = std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(view.size()));
    std::memcpy(copy.get(), view.data, static_cast<std::size_t>(view.bytes()));
    copies.push_back(std::move(copy));
    return reinterpret_cast<const std::byte*>(copies.back().get());
  }

  std::filesystem::path path;
  MappedFile mapping;
  std::set<std::string, std::less<>> names;
  std::vector<NamedTensor> tensors;
  std::vector<UnreadableTensor> unreadable;
  std::vector<std::unique_ptr<float[]>> copies;
};

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& file) {
  return SafetensorsFile(std::make_shared<const Contents>(file));
}

const std::filesystem::path& SafetensorsFile::path() const { return contents_->path; }

bool SafetensorsFile::has(std::string_view name) const { return contents_->names.contains(name); }

NamedTensors SafetensorsFile::tensors() const {
  NamedTensors result;
  result.tensors = contents_->tensors;
  for (const NamedTensor& tensor : result.tensors) result.parameter_count += tensor.view.size();
  result.storage = contents_;
  result.unreadable = contents_->unreadable;
  return result;
}

}  // namespace azimuth
