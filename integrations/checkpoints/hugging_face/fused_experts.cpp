#include "hugging_face/fused_experts.h"

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azimuth {
namespace {

constexpr std::string_view kGateUp = "mlp.experts.gate_up_proj";
constexpr std::string_view kDown = "mlp.experts.down_proj";
constexpr std::size_t kMaxTensors = 100'000;  // far more than any model has

/// Appends views of one expert each: of its matrices, one below the other, that have these names.
void split(const NamedTensor& fused, std::string_view end, std::int64_t experts,
           const std::vector<std::string_view>& names, std::vector<NamedTensor>& all) {
  const auto fail = [&](const std::string& why) {
    throw std::invalid_argument("tensor " + fused.name + ": " + why);
  };
  const TensorView& view = fused.view;
  const auto matrices = static_cast<std::int64_t>(names.size());
  if (view.shape.size() != 3 || view.shape[0] != experts || view.shape[1] % matrices != 0) {
    fail("shape " + shape_text(view.shape) + " is not that of " + std::to_string(matrices) +
         " matrices for each of " + std::to_string(experts) + " experts");
  }
  if (all.size() + static_cast<std::size_t>(experts * matrices) > kMaxTensors) {
    fail("these are more than " + std::to_string(kMaxTensors) + " tensors with those of experts");
  }
  constexpr std::string_view kExperts = "mlp.experts.";
  const std::string stem = fused.name.substr(0, fused.name.size() - end.size() + kExperts.size());
  const std::int64_t rows = view.shape[1] / matrices;
  std::int64_t row = 0;
  for (std::int64_t expert = 0; expert < experts; ++expert) {
    for (const std::string_view name : names) {
      NamedTensor one;
      one.name = stem + std::to_string(expert) + "." + std::string(name) + ".weight";
      one.view = part_of(view, row, {rows, view.shape[2]});
      row += rows;
      all.push_back(std::move(one));
    }
  }
}

}  // namespace

void split_fused_experts(const Architecture& architecture, NamedTensors& tensors) {
  if (architecture.experts == 0) return;
  for (const UnreadableTensor& tensor : tensors.unreadable) {
    if (!tensor.name.ends_with(kGateUp) && !tensor.name.ends_with(kDown)) continue;
    throw std::invalid_argument("tensor " + tensor.name + ": " + tensor.why);
  }
  std::vector<NamedTensor> all;
  for (NamedTensor& tensor : tensors.tensors) {
    if (tensor.name.ends_with(kGateUp)) {
      split(tensor, kGateUp, architecture.experts, {"gate_proj", "up_proj"}, all);
    } else if (tensor.name.ends_with(kDown)) {
      split(tensor, kDown, architecture.experts, {"down_proj"}, all);
    } else {
      all.push_back(std::move(tensor));
    }
  }
  tensors.tensors = std::move(all);
}

}  // namespace azimuth
