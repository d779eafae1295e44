#include "torch_source.h"

#include <algorithm>
#include <map>
#include <new>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "azimuth/torch_map.h"
#include "stored_type.h"

namespace azimuth {
namespace {

constexpr std::size_t kAlignment = 64;

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw std::runtime_error("parameter " + name + ": " + why);
}

// Numbers in all parameters; tied ones, which share their memory, count once.
std::int64_t count_parameters(const NamedParameters& parameters) {
  std::set<const void*> seen;
  std::int64_t count = 0;
  for (const auto& [name, tensor] : parameters) {
    if (!tensor.defined() || !tensor.is_floating_point()) continue;
    if (tensor.layout() != torch::kStrided || seen.insert(tensor.data_ptr()).second) {
      count += tensor.numel();
    }
  }
  return count;
}

// Which parameter plays which role, outside the blocks and in the first that has it: the others are
// alike.
std::string describe(const Architecture& architecture, std::int64_t blocks,
                     const NamedTensors& parameters, std::span<const BoundTensor> roles) {
  std::string text = "watches " + architecture.name + ", " + std::to_string(blocks) + " blocks:";
  std::set<Role> said;
  for (const BoundTensor& bound : roles) {
    if (bound.member > 0 || !said.insert(bound.role).second) continue;
    text += " " + std::string(name_of(bound.role)) + " is " +
            parameters.tensors[bound.tensor].name + ",";
  }
  text.back() = '.';
  return text;
}

}  // namespace

TorchSource::TorchSource(ParameterSource parameters, Architecture architecture, RoleNames extra)
    : parameters_(std::move(parameters)),
      architecture_(std::move(architecture)),
      extra_(std::move(extra)) {
  if (!parameters_) throw std::invalid_argument("attach: the callable is empty");
  const NamedParameters now = parameters_();
  NamedTensors named;
  for (const auto& [name, tensor] : now) {
    NamedTensor& one = named.tensors.emplace_back();
    one.name = name;
    if (tensor.defined()) one.view.shape = tensor.sizes().vec();
  }
  check_names(architecture_, named, extra_);
  const std::vector<BoundTensor> roles = bind_roles(architecture_, named.tensors, extra_);
  if (std::string outside = unplaced(architecture_, named.tensors, extra_); !outside.empty()) {
    warnings_.push_back(std::move(outside));
  }
  for (const BoundTensor& bound : roles) {
    const auto& [name, tensor] = now[bound.tensor];
    const auto reject = [&name = name](const std::string& why) {
      throw std::invalid_argument("parameter " + name + ": " + why);
    };
    if (!tensor.defined()) reject("is undefined");
    const auto type = stored_type_of(tensor.scalar_type());
    if (!type || tensor.layout() != torch::kStrided) {
      reject(std::string("is ") + (type ? "not dense" : c10::toString(tensor.scalar_type())) +
             "; dense float32, float16 and bfloat16 can be watched");
    }
    if (bound.role == Role::token_embedding) {
      if (tensor.dim() != 2)
        reject("shape " + shape_text(tensor.sizes()) + " is not that of a matrix");
      vocab_size_ = tensor.size(0);
      hidden_size_ = tensor.size(1);
    }
    block_count_ = std::max(block_count_, bound.block);
    expected_.push_back(
        {name, bound.role, is_read_by_pass(architecture_, bound), tensor.sizes().vec(), *type});
  }
  parameter_count_ = count_parameters(now);
  description_ = describe(architecture_, block_count_, named, roles);
}

std::vector<torch::Tensor> TorchSource::find_parameters() const {
  NamedParameters now = parameters_();
  std::map<std::string_view, torch::Tensor*> by_name;
  for (auto& [name, tensor] : now) by_name.emplace(name, &tensor);

  std::vector<torch::Tensor> found;
  for (const Expected& expected : expected_) {
    const auto entry = by_name.find(expected.name);
    if (entry == by_name.end() || !entry->second->defined()) {
      fail(expected.name, "has disappeared");
    }
    torch::Tensor tensor = entry->second->detach();
    if (stored_type_of(tensor.scalar_type()) != expected.type) {
      fail(expected.name, std::string("was ") + std::string(name_of(expected.type)) +
                              " and is now " + c10::toString(tensor.scalar_type()));
    }
    if (tensor.layout() != torch::kStrided || tensor.sizes() != expected.shape) {
      fail(expected.name, "had shape " + shape_text(expected.shape) + " and is now " +
                              (tensor.layout() == torch::kStrided ? shape_text(tensor.sizes())
                                                                  : std::string("not dense")));
    }
    found.push_back(std::move(tensor));
  }
  return found;
}

TorchSource::Copy TorchSource::plan_copy(const Expected& expected, torch::Tensor parameter,
                                         std::span<const std::int64_t> token_ids,
                                         bool whole) const {
  Copy copy;
  copy.tensor.name = expected.name;
  copy.tensor.view = {expected.type, expected.shape, nullptr};
  if (is_table_of_tokens(expected.role) && !whole) {
    std::vector<std::int64_t>& rows = copy.tensor.row_ids;
    rows.assign(token_ids.begin(), token_ids.end());
    // What lies behind a table of per-layer inputs takes its first row.
    for (std::int64_t& row : rows) row = row < parameter.size(0) ? row : 0;
    parameter = parameter.index_select(
        0, torch::tensor(torch::IntArrayRef(rows.data(), rows.size()), torch::kInt64)
               .to(parameter.device()));
  } else if (!parameter.is_cpu() && parameter.dim() == 2 && expected.is_read &&
             !is_table_of_tokens(expected.role) && expected.role != Role::position_embedding) {
    copy.tensor.device = std::make_shared<TorchTensor>(parameter.clone());
    return copy;
  }
  copy.from = std::move(parameter);
  return copy;
}

ModelWeights TorchSource::capture(std::span<const std::int64_t> token_ids, bool everything) {
  const torch::NoGradGuard no_grad;
  for (const std::int64_t id : token_ids) {
    if (id < 0 || id >= vocab_size_) {
      throw std::out_of_range("token id " + std::to_string(id) + " in a vocabulary of " +
                              std::to_string(vocab_size_));
    }
  }
  const std::vector<torch::Tensor> parameters = find_parameters();
  std::vector<Copy> copies;
  std::size_t bytes = 0;
  device_bytes_ = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!everything && !expected_[i].is_read) continue;
    Copy copy = plan_copy(expected_[i], parameters[i], token_ids, everything);
    copy.offset = bytes;
    if (copy.from.defined()) {
      bytes += (copy.from.nbytes() + kAlignment - 1) / kAlignment * kAlignment;
    } else {
      device_bytes_ += static_cast<std::int64_t>(parameters[i].nbytes());
    }
    copies.push_back(std::move(copy));
  }

  const std::shared_ptr<std::byte> buffer = buffer_of(bytes);
  NamedTensors tensors;
  for (Copy& copy : copies) {
    if (copy.from.defined()) {
      std::byte* to = buffer.get() + copy.offset;
      // ATen shares the work among the threads that it has for this one. From another device this
      // waits for the stream, and so for the clones, which were enqueued before.
      torch::from_blob(to, copy.from.sizes(), torch::dtype(copy.from.scalar_type()))
          .copy_(copy.from);
      copy.tensor.view.data = to;
    }
    tensors.tensors.push_back(std::move(copy.tensor));
  }
  tensors.parameter_count = parameter_count_;
  tensors.storage = buffer;
  return ModelWeights::from_tensors(architecture_, std::move(tensors), extra_);
}

std::shared_ptr<std::byte> TorchSource::buffer_of(std::size_t bytes) {
  // A result that somebody still holds keeps its buffer; nothing is ever written into it again. One
  // that is far too large is left from the digest of weights on a device.
  if (buffer_bytes_ < bytes || buffer_bytes_ / 2 > bytes || buffer_.use_count() != 1) {
    buffer_.reset();
    buffer_bytes_ = 0;
    constexpr std::align_val_t alignment{kAlignment};
    buffer_ = std::shared_ptr<std::byte>(
        static_cast<std::byte*>(::operator new(std::max(bytes, kAlignment), alignment)),
        [](std::byte* memory) { ::operator delete(memory, alignment); });
    buffer_bytes_ = bytes;
  }
  return buffer_;
}

std::int64_t TorchSource::extra_bytes() const {
  return static_cast<std::int64_t>(buffer_bytes_) + device_bytes_;
}

}  // namespace azimuth
