#include "quantised/stored_tensors.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace azimuth {
namespace {

std::string safetensors_name_of(StoredType type) {
  std::string name(name_of(type));
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

}  // namespace

std::int64_t StoredTensor::size() const {
  return std::accumulate(raw.shape.begin(), raw.shape.end(), std::int64_t{1}, std::multiplies<>());
}

void StoredTensor::fail(const std::string& why) const {
  throw std::invalid_argument("tensor " + name + ": " + why);
}

void StoredTensor::expect(std::string_view type, const std::vector<std::int64_t>& shape) const {
  if (!is(type)) fail("its type is " + raw.type + " where " + std::string(type) + " is expected");
  if (raw.shape != shape) {
    fail("shape " + shape_text(raw.shape) + " where " + shape_text(shape) + " is expected");
  }
}

StoredTensors::StoredTensors(NamedTensors tensors) : tensors_(std::move(tensors)) {
  const auto put = [&](const std::string& name, RawNumbers raw) {
    const bool is_new = by_name_.emplace(name, StoredTensor{name, std::move(raw)}).second;
    if (!is_new) throw std::invalid_argument("tensor " + name + ": appears twice");
  };
  for (const NamedTensor& tensor : tensors_.tensors) {
    const TensorView& view = tensor.view;
    put(tensor.name, {safetensors_name_of(view.type),
                      view.shape,
                      {view.data, static_cast<std::size_t>(view.bytes())}});
  }
  for (const UnreadableTensor& tensor : tensors_.unreadable) {
    if (!tensor.raw.bytes.empty()) put(tensor.name, tensor.raw);
  }
}

std::vector<std::string> StoredTensors::before(std::string_view ending) const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : by_name_) {
    if (name.ends_with(ending)) names.push_back(name.substr(0, name.size() - ending.size()));
  }
  return names;
}

const StoredTensor* StoredTensors::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &found->second;
}

StoredTensor StoredTensors::take(const std::string& name, const std::string& whose) {
  std::optional<StoredTensor> tensor = take_if_there(name);
  if (!tensor) throw std::invalid_argument("tensor " + whose + ": its " + name + " is missing");
  return *std::move(tensor);
}

std::optional<StoredTensor> StoredTensors::take_if_there(const std::string& name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  StoredTensor tensor = std::move(found->second);
  by_name_.erase(found);
  return tensor;
}

void StoredTensors::add(const std::string& name, std::vector<std::int64_t> shape,
                        std::shared_ptr<const DecodedRows> rows) {
  NamedTensor tensor;
  tensor.name = name;
  tensor.view.type = StoredType::in_pieces;
  tensor.view.shape = std::move(shape);
  tensor.view.decoded = rows.get();
  tensor.view.data = rows->stored(0, tensor.view.rows()).front().data();
  if (by_name_.contains(name)) {
    throw std::invalid_argument("tensor " + name + ": stands beside the pieces of another");
  }
  added_.push_back(std::move(tensor));
  rows_.push_back(std::move(rows));
}

NamedTensors StoredTensors::finish() && {
  NamedTensors all = std::move(tensors_);
  std::erase_if(all.tensors, [&](const NamedTensor& tensor) {
    if (by_name_.contains(tensor.name)) return false;
    all.parameter_count -= tensor.view.size();
    return true;
  });
  std::erase_if(all.unreadable, [&](const UnreadableTensor& tensor) {
    return !tensor.raw.bytes.empty() && !by_name_.contains(tensor.name);
  });
  for (NamedTensor& tensor : added_) {
    all.parameter_count += tensor.view.size();
    all.tensors.push_back(std::move(tensor));
  }
  using Kept =
      std::pair<std::shared_ptr<const void>, std::vector<std::shared_ptr<const DecodedRows>>>;
  all.storage = std::make_shared<const Kept>(std::move(all.storage), std::move(rows_));
  return all;
}

}  // namespace azimuth
