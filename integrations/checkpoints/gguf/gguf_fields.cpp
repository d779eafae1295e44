#include "gguf/gguf_fields.h"

#include "azimuth/file_error.h"

namespace azimuth {

GgufFields::GgufFields(const GgufFile& file, std::string_view architecture)
    : file_(file), prefix_(std::string(architecture) + ".") {
  const NamedTensors tensors = file.tensors();
  for (const NamedTensor& tensor : tensors.tensors) shapes_[tensor.name] = tensor.view;
  for (const UnreadableTensor& tensor : tensors.unreadable) shapes_[tensor.name] = {};
}

std::int64_t GgufFields::count(std::string_view key, std::int64_t max) const {
  const std::int64_t value = integer(key);
  if (value < 1 || value > max) {
    fail(key, "is " + std::to_string(value) + "; 1 to " + std::to_string(max) + " is allowed");
  }
  return value;
}

std::int64_t GgufFields::count(std::string_view key, std::int64_t otherwise,
                               std::int64_t max) const {
  return has(key) ? count(key, max) : otherwise;
}

bool GgufFields::flag(std::string_view key, bool otherwise) const {
  return has(key) ? file_.flag(full(key)) : otherwise;
}

std::vector<std::int64_t> GgufFields::by_block(std::string_view key, std::int64_t blocks) const {
  const std::int64_t all = blocks + further_blocks();
  std::vector<std::int64_t> numbers;
  if (is_array(key)) {
    numbers = integers(key);
  } else {
    numbers.assign(static_cast<std::size_t>(all), integer(key));
  }
  if (std::ssize(numbers) != all) {
    fail(key, "has " + std::to_string(numbers.size()) + " numbers for " + std::to_string(all) +
                  " blocks");
  }
  numbers.resize(static_cast<std::size_t>(blocks));
  return numbers;
}

std::int64_t GgufFields::further_blocks() const {
  constexpr std::int64_t kMaxFurtherBlocks = 64;
  constexpr std::string_view key = "nextn_predict_layers";
  return has(key) && integer(key) != 0 ? count(key, kMaxFurtherBlocks) : 0;
}

std::int64_t GgufFields::blocks() const {
  constexpr std::int64_t kMaxBlocks = 100'000;
  constexpr std::string_view key = "block_count";
  const std::int64_t blocks = count(key, kMaxBlocks) - further_blocks();
  if (blocks < 1) fail(key, "is not more than nextn_predict_layers");
  return blocks;
}

bool GgufFields::has_module(std::string_view name) const {
  const std::string start = std::string(name) + ".";
  const auto found = shapes_.lower_bound(start);
  return found != shapes_.end() && found->first.starts_with(start);
}

std::int64_t GgufFields::rows(std::string_view tensor) const {
  const auto found = shapes_.find(tensor);
  return found == shapes_.end() ? 0 : found->second.rows();
}

std::vector<float> GgufFields::numbers(std::string_view tensor) const {
  const auto found = shapes_.find(tensor);
  if (found == shapes_.end() || found->second.data == nullptr || found->second.shape.size() != 1) {
    throw FileError(file_.path(), "tensor " + std::string(tensor), "is not a vector");
  }
  std::vector<float> all(static_cast<std::size_t>(found->second.size()));
  unpack(found->second, 0, 1, all.data());
  return all;
}

void GgufFields::fail(std::string_view key, std::string_view why) const {
  throw FileError(file_.path(), "key " + full(key), why);
}

}  // namespace azimuth
