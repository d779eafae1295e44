#include "gguf/gguf_experts.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "azimuth/file_error.h"

namespace azimuth {

void split_experts(const std::filesystem::path& file, std::int64_t experts, NamedTensors& tensors) {
  constexpr std::string_view kMerged = "_exps.weight";
  const auto holds_experts = [&](std::string_view name) {
    return name.starts_with("blk.") && name.ends_with(kMerged);
  };
  for (const UnreadableTensor& tensor : tensors.unreadable) {
    if (holds_experts(tensor.name)) throw FileError(file, "tensor " + tensor.name, tensor.why);
  }
  constexpr std::size_t kMaxTensors = 100'000;  // far more than any model has
  std::vector<NamedTensor> all;
  for (NamedTensor& tensor : tensors.tensors) {
    if (!holds_experts(tensor.name)) {
      all.push_back(std::move(tensor));
      continue;
    }
    const auto fail = [&](const std::string& why) {
      throw FileError(file, "tensor " + tensor.name, why);
    };
    const TensorView& view = tensor.view;
    if (view.shape.size() != 3 || view.shape[0] != experts) {
      fail("does not hold one matrix for each of " + std::to_string(experts) + " experts");
    }
    if (all.size() + static_cast<std::size_t>(experts) > kMaxTensors) {
      fail("these are more than " + std::to_string(kMaxTensors) + " tensors with those of experts");
    }
    const std::string stem = tensor.name.substr(0, tensor.name.size() - kMerged.size());
    for (std::int64_t expert = 0; expert < experts; ++expert) {
      NamedTensor one;
      one.name = stem + "." + std::to_string(expert) + ".weight";
      one.view = part_of(view, expert * view.shape[1], {view.shape[1], view.shape[2]});
      all.push_back(std::move(one));
    }
  }
  tensors.tensors = std::move(all);
}

}  // namespace azimuth
