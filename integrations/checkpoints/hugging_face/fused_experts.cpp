#include "hugging_face/fused_experts.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azimuth {
namespace {

constexpr std::size_t kMaxTensors = 400'000;  // far more than any model has

enum class FusedPart { gate_up, up, down, gate_up_bias, down_bias, shared_gate_up };

struct FusedName {
  std::string_view end;
  FusedPart part;
  std::string_view stem = "experts.";  ///< of the names of the parts, in the place of `end`
};
constexpr FusedName kFusedNames[] = {
    {"experts.gate_up_proj", FusedPart::gate_up},
    {"experts.up_proj", FusedPart::up},
    {"experts.down_proj", FusedPart::down},
    {"experts.gate_up_proj_bias", FusedPart::gate_up_bias},
    {"experts.down_proj_bias", FusedPart::down_bias},
    {"moe.input_linear.weight", FusedPart::gate_up, "moe.experts."},
    {"moe.output_linear.weight", FusedPart::down, "moe.experts."},
    {"shared_mlp.input_linear.weight", FusedPart::shared_gate_up, "shared_mlp."},
};

const FusedName* fused_name(std::string_view name) {
  const auto found = std::ranges::find_if(
      kFusedNames, [&](const FusedName& fused) { return name.ends_with(fused.end); });
  return found == std::end(kFusedNames) ? nullptr : &*found;
}

[[noreturn]] void fail(const NamedTensor& tensor, const std::string& why) {
  throw std::invalid_argument("tensor " + tensor.name + ": " + why);
}

bool has_shape_for(const TensorView& view, std::size_t dimensions, std::int64_t experts) {
  return view.shape.size() == dimensions && view.shape[0] == experts;
}

/// What its shape says of the inputs of a matrix of gates: whether they are its rows. Nothing where
/// it could be either.
std::optional<bool> is_transposed(const NamedTensor& tensor, std::int64_t experts,
                                  std::int64_t hidden) {
  const TensorView& view = tensor.view;
  if (!has_shape_for(view, 3, experts) || (view.shape[1] != hidden && view.shape[2] != hidden)) {
    fail(tensor, "shape " + shape_text(view.shape) + " is not that of matrices of " +
                     std::to_string(hidden) + " inputs for each of " + std::to_string(experts) +
                     " experts");
  }
  // The numbers of a block are those of one output.
  if (block_length(view.type) > 1) return false;
  if (view.shape[1] == view.shape[2]) return std::nullopt;
  return view.shape[1] == hidden;
}

/// Whether all are; nothing where there are none of which shapes could say it.
std::optional<bool> are_transposed(const HuggingFaceConfig& config, const NamedTensors& tensors) {
  std::optional<bool> all;
  bool some = false;
  for (const NamedTensor& tensor : tensors.tensors) {
    const FusedName* const fused = fused_name(tensor.name);
    if (fused == nullptr || fused->part != FusedPart::gate_up) continue;
    some = true;
    const auto one = is_transposed(tensor, config.architecture.experts, config.hidden_size);
    if (one && all && *one != *all) fail(tensor, "is transposed, and others are not");
    if (one) all = one;
  }
  return some ? all : std::optional(false);
}

class Splitter {
 public:
  Splitter(const Architecture& architecture, std::vector<NamedTensor>& all)
      : a_(architecture), all_(all) {}

  void split(const NamedTensor& tensor, const FusedName& fused) {
    switch (fused.part) {
      case FusedPart::gate_up:
        if (a_.transposed_experts || a_.gate_up_by_turns) {
          matrices(tensor, fused, {"gate_up_proj"});
        } else {
          matrices(tensor, fused, {"gate_proj", "up_proj"});
        }
        break;
      case FusedPart::up:
        matrices(tensor, fused, {"up_proj"});
        break;
      case FusedPart::down:
        matrices(tensor, fused, {"down_proj"});
        break;
      case FusedPart::gate_up_bias:
        biases(tensor, fused, "gate_up_proj");
        break;
      case FusedPart::down_bias:
        biases(tensor, fused, "down_proj");
        break;
      case FusedPart::shared_gate_up:
        shared(tensor, fused);
        break;
    }
  }

 private:
  /// Those of an expert lie one below the other.
  void matrices(const NamedTensor& tensor, const FusedName& fused,
                const std::vector<std::string_view>& names) {
    const TensorView& view = tensor.view;
    const auto count = static_cast<std::int64_t>(names.size());
    if (!has_shape_for(view, 3, a_.experts) || view.shape[1] % count != 0) {
      fail(tensor, "shape " + shape_text(view.shape) + " is not that of " + std::to_string(count) +
                       " matrices for each of " + std::to_string(a_.experts) + " experts");
    }
    const std::int64_t rows = view.shape[1] / count;
    std::int64_t row = 0;
    for (std::int64_t expert = 0; expert < a_.experts; ++expert) {
      for (const std::string_view name : names) {
        add(tensor, fused, std::to_string(expert) + "." + std::string(name) + ".weight",
            part_of(view, row, {rows, view.shape[2]}));
        row += rows;
      }
    }
  }

  void biases(const NamedTensor& tensor, const FusedName& fused, const std::string& name) {
    const TensorView& view = tensor.view;
    if (!has_shape_for(view, 2, a_.experts)) {
      fail(tensor, "shape " + shape_text(view.shape) + " is not that of a bias for each of " +
                       std::to_string(a_.experts) + " experts");
    }
    for (std::int64_t expert = 0; expert < a_.experts; ++expert) {
      add(tensor, fused, std::to_string(expert) + "." + name + ".bias",
          part_of(view, expert, {view.shape[1]}));
    }
  }

  /// Of the expert that every token goes to.
  void shared(const NamedTensor& tensor, const FusedName& fused) {
    const TensorView& view = tensor.view;
    if (view.shape.size() != 2 || view.shape[0] % 2 != 0) {
      fail(tensor, "shape " + shape_text(view.shape) + " is not that of two matrices");
    }
    const std::int64_t rows = view.shape[0] / 2;
    add(tensor, fused, "gate_proj.weight", part_of(view, 0, {rows, view.shape[1]}));
    add(tensor, fused, "up_proj.weight", part_of(view, rows, {rows, view.shape[1]}));
  }

  void add(const NamedTensor& tensor, const FusedName& fused, const std::string& end,
           TensorView view) {
    if (all_.size() >= kMaxTensors) {
      fail(tensor,
           "these are more than " + std::to_string(kMaxTensors) + " tensors with those of experts");
    }
    NamedTensor one;
    const std::string before = tensor.name.substr(0, tensor.name.size() - fused.end.size());
    one.name = before + std::string(fused.stem) + end;
    one.view = std::move(view);
    all_.push_back(std::move(one));
  }

  const Architecture& a_;
  std::vector<NamedTensor>& all_;
};

}  // namespace

void split_fused_experts(HuggingFaceConfig& config, NamedTensors& tensors) {
  Architecture& architecture = config.architecture;
  if (architecture.experts == 0) return;
  for (const UnreadableTensor& tensor : tensors.unreadable) {
    if (fused_name(tensor.name) == nullptr) continue;
    throw std::invalid_argument("tensor " + tensor.name + ": " + tensor.why);
  }
  architecture.transposed_experts =
      are_transposed(config, tensors).value_or(architecture.transposed_experts);
  std::vector<NamedTensor> all;
  Splitter splitter(architecture, all);
  for (NamedTensor& tensor : tensors.tensors) {
    if (const FusedName* const fused = fused_name(tensor.name)) {
      splitter.split(tensor, *fused);
    } else {
      all.push_back(std::move(tensor));
    }
  }
  tensors.tensors = std::move(all);
}

}  // namespace azimuth
