#include "gguf/gguf_stacked.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "azimuth/file_error.h"
#include "azimuth/roles.h"

namespace azimuth {
namespace {

// What a tensor holds of which there are several.
struct Stack {
  std::string stem;  ///< of the names of one each
  std::int64_t count = 0;
  std::string_view what;
  std::string_view end = ".weight";  ///< or ".bias": then they are vectors

  std::string name_of(std::int64_t number) const {
    return stem + "." + std::to_string(number) + std::string(end);
  }
};

std::optional<Stack> stack_of(const Architecture& architecture, std::string_view name) {
  constexpr std::string_view kOfExperts = "_exps.weight";
  if (name.starts_with("blk.") && name.ends_with(kOfExperts)) {
    return Stack{std::string(name.substr(0, name.size() - kOfExperts.size())), architecture.experts,
                 "experts"};
  }
  constexpr std::string_view kBiases = "_exps.bias";
  if (name.starts_with("blk.") && name.ends_with(kBiases)) {
    Stack stack = {std::string(name.substr(0, name.size() - kBiases.size())), architecture.experts,
                   "experts", ".bias"};
    // Of experts that have none it stays as it is, to be refused by its name.
    if (role_of(architecture, stack.name_of(0))) return stack;
  }
  if (name == "altup_proj.weight") {
    return Stack{"altup_proj", architecture.streams - 1, "further residual streams"};
  }
  return std::nullopt;
}

}  // namespace

void split_stacked(const std::filesystem::path& file, const Architecture& architecture,
                   NamedTensors& tensors) {
  for (const UnreadableTensor& tensor : tensors.unreadable) {
    if (stack_of(architecture, tensor.name)) {
      throw FileError(file, "tensor " + tensor.name, tensor.why);
    }
  }
  constexpr std::size_t kMaxTensors = 100'000;  // far more than any model has
  std::vector<NamedTensor> all;
  for (NamedTensor& tensor : tensors.tensors) {
    const std::optional<Stack> stack = stack_of(architecture, tensor.name);
    if (!stack) {
      all.push_back(std::move(tensor));
      continue;
    }
    const auto fail = [&](const std::string& why) {
      throw FileError(file, "tensor " + tensor.name, why);
    };
    const TensorView& view = tensor.view;
    const std::string what = std::string(stack->what);
    const bool vectors = stack->end == ".bias";
    if (view.shape.size() != (vectors ? 2 : 3) || view.shape[0] != stack->count) {
      fail("does not hold one " + std::string(vectors ? "bias" : "matrix") + " for each of " +
           std::to_string(stack->count) + " " + what);
    }
    if (all.size() + static_cast<std::size_t>(stack->count) > kMaxTensors) {
      fail("these are more than " + std::to_string(kMaxTensors) + " tensors with those of " + what);
    }
    const std::vector<std::int64_t> shape(view.shape.begin() + 1, view.shape.end());
    const std::int64_t rows = vectors ? 1 : shape[0];
    for (std::int64_t i = 0; i < stack->count; ++i) {
      NamedTensor one;
      one.name = stack->name_of(i);
      one.view = part_of(view, i * rows, shape);
      all.push_back(std::move(one));
    }
  }
  tensors.tensors = std::move(all);
}

}  // namespace azimuth
