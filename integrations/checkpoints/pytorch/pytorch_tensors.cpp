#include "pytorch/pytorch_tensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "azimuth/file_error.h"
#include "pytorch/pickle_globals.h"

namespace azimuth {
namespace {

constexpr std::size_t kLeastBudget = 1 << 20;
constexpr std::size_t kMaxDimensions = 16;  // more than any parameter has
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

// Of numbers from 0.
bool multiply(std::int64_t& a, std::int64_t b) {
  if (b != 0 && a > kMax / b) return false;
  a *= b;
  return true;
}

bool add_to(std::int64_t& a, std::int64_t b) {
  if (a > kMax - b) return false;
  a += b;
  return true;
}

bool are_in_a_row(const std::vector<std::int64_t>& shape,
                  const std::vector<std::int64_t>& strides) {
  std::int64_t step = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

const PyTorchNumbers& numbers_of(const std::vector<PickleValue>& arguments) {
  const PyTorchNumbers* of_storage = (*arguments[0].items)[1].global->numbers;
  return of_storage != nullptr ? *of_storage : *arguments[6].global->numbers;
}

}  // namespace

PyTorchTensors::PyTorchTensors(const std::filesystem::path& file, std::size_t file_bytes)
    : file_(file), budget_(std::max(file_bytes, kLeastBudget)) {}

void PyTorchTensors::fail(std::string_view why) const {
  throw FileError(file_, "tensor " + name_, why);
}

void PyTorchTensors::add(std::string name, const PickleValue& value, const Storage& storage) {
  name_ = std::move(name);
  if (!names_.insert(name_).second) fail("appears twice");
  if (value.kind != PickleKind::tensor) {
    unreadable_.push_back({name_, "is not a tensor"});
    return;
  }
  const auto& arguments = *value.items;
  const PyTorchNumbers& numbers = numbers_of(arguments);
  const std::vector<std::int64_t> shape = natural_numbers(arguments[2], "shape holds");
  const bool empty = std::ranges::find(shape, 0) != shape.end();
  if (!numbers.stored || empty) {
    unreadable_.push_back({name_,
                           empty ? "has a dimension of 0"
                                 : "its type is " + std::string(numbers.name) +
                                       "; float32, float16 and bfloat16 can be read",
                           empty, numbers.counts});
    return;
  }
  Layout layout = {*numbers.stored, static_cast<std::size_t>(numbers.bytes),
                   find_storage(arguments[0], storage)};
  layout.offset = arguments[1].number;
  if (layout.offset < 0) fail("its offset is " + std::to_string(layout.offset));
  layout.shape = shape;
  layout.strides = natural_numbers(arguments[3], "strides hold");
  check_bounds(layout);
  TensorView view = {layout.type, layout.shape, place(layout)};
  tensors_.push_back({name_, std::move(view), {}, {}});
}

std::vector<std::int64_t> PyTorchTensors::natural_numbers(const PickleValue& tuple,
                                                          std::string_view what) const {
  if (tuple.items->size() > kMaxDimensions) {
    fail("has " + std::to_string(tuple.items->size()) + " dimensions; at most " +
         std::to_string(kMaxDimensions) + " are read");
  }
  std::vector<std::int64_t> numbers;
  for (const PickleValue& value : *tuple.items) {
    if (value.kind != PickleKind::integer || value.number < 0) {
      fail("its " + std::string(what) + " something other than integers from 0");
    }
    numbers.push_back(value.number);
  }
  return numbers;
}

std::span<const std::byte> PyTorchTensors::find_storage(const PickleValue& value,
                                                        const Storage& storage) const {
  const auto& id = *value.items;
  const PyTorchNumbers* numbers = id[1].global->numbers;
  std::int64_t bytes = id[4].number;
  const bool fits = multiply(bytes, numbers == nullptr ? 1 : numbers->bytes);
  const auto found = storage(id[2].text);
  if (!fits || static_cast<std::uint64_t>(bytes) != found.size()) {
    fail("its storage " + std::string(id[2].text) + " claims " + std::to_string(id[4].number) +
         " numbers, but has " + std::to_string(found.size()) + " bytes");
  }
  return found;
}

void PyTorchTensors::check_bounds(const Layout& layout) const {
  if (layout.shape.size() != layout.strides.size()) {
    fail("has " + std::to_string(layout.shape.size()) + " dimensions, but " +
         std::to_string(layout.strides.size()) + " strides");
  }
  std::int64_t bytes = static_cast<std::int64_t>(layout.number_bytes);
  std::int64_t last = layout.offset;
  for (std::size_t i = 0; i < layout.shape.size(); ++i) {
    if (!multiply(bytes, layout.shape[i])) fail("its size overflows");
    std::int64_t reach = layout.shape[i] - 1;
    if (!multiply(reach, layout.strides[i]) || !add_to(last, reach)) fail("its strides overflow");
  }
  const std::size_t numbers = layout.storage.size() / layout.number_bytes;
  if (static_cast<std::uint64_t>(last) >= numbers) {
    fail("its last number is number " + std::to_string(last) + " (from 0) of a storage of " +
         std::to_string(numbers));
  }
}

const std::byte* PyTorchTensors::place(const Layout& layout) {
  const auto [found, is_new] = places_.try_emplace(
      Place(layout.storage.data(), layout.offset, layout.shape, layout.strides), nullptr);
  if (is_new) {
    std::int64_t size = 1;
    for (const std::int64_t dim : layout.shape) size *= dim;
    parameter_count_ += size;
    const auto offset = static_cast<std::size_t>(layout.offset) * layout.number_bytes;
    if (!are_in_a_row(layout.shape, layout.strides)) {
      found->second = put_in_a_row(layout);
    } else if (layout.type == StoredType::f32) {
      found->second = align(layout.storage) + offset;
    } else {  // unpacked number by number, wherever they lie
      found->second = layout.storage.data() + offset;
    }
  }
  return found->second;
}

// Where every number of the storage is aligned: once for all tensors that share it.
const std::byte* PyTorchTensors::align(std::span<const std::byte> storage) {
  if (reinterpret_cast<std::uintptr_t>(storage.data()) % alignof(float) == 0) {
    return storage.data();
  }
  auto& copy = aligned_[storage.data()];
  if (copy == nullptr) {
    copy = std::make_unique_for_overwrite<float[]>(storage.size() / sizeof(float) + 1);
    std::memcpy(copy.get(), storage.data(), storage.size());
  }
  return reinterpret_cast<const std::byte*>(copy.get());
}

const std::byte* PyTorchTensors::put_in_a_row(const Layout& layout) {
  std::size_t bytes = layout.number_bytes;
  for (const std::int64_t dim : layout.shape) bytes *= static_cast<std::size_t>(dim);
  if (bytes > budget_) {
    fail("its numbers do not lie in a row, and to copy its " + std::to_string(bytes) +
         " bytes would take more memory than the file has");
  }
  budget_ -= bytes;
  rows_.push_back(std::make_unique_for_overwrite<std::byte[]>(bytes));
  std::byte* out = rows_.back().get();
  const auto copy = [&](const auto& self, std::size_t dimension, std::int64_t number) -> void {
    if (dimension == layout.shape.size()) {
      std::memcpy(out,
                  layout.storage.data() + static_cast<std::size_t>(number) * layout.number_bytes,
                  layout.number_bytes);
      out += layout.number_bytes;
      return;
    }
    for (std::int64_t i = 0; i < layout.shape[dimension]; ++i) {
      self(self, dimension + 1, number + i * layout.strides[dimension]);
    }
  };
  copy(copy, 0, layout.offset);
  return rows_.back().get();
}

}  // namespace azimuth
