#include "gguf/gguf_shapes.h"

#include <algorithm>

namespace azimuth {

void restore_shapes(std::int64_t heads, NamedTensors& tensors) {
  for (NamedTensor& tensor : tensors.tensors) {
    std::vector<std::int64_t>& shape = tensor.view.shape;
    const auto is = [&](const char* module) {
      return tensor.name.starts_with("blk.") && tensor.name.ends_with(module);
    };
    if ((is(".ssm_a") || is(".ssm_d")) && shape.size() == 2 && shape[1] == 1) {
      shape.pop_back();
    } else if (is(".ssm_norm.weight") && shape.size() == 2) {
      shape = {tensor.view.size()};  // in groups
    } else if (is(".ffn_gate_inp_shexp.weight") && shape.size() == 1) {
      shape.insert(shape.begin(), 1);
    } else if ((is(".attn_k_b.weight") || is(".attn_v_b.weight")) && shape.size() == 3 &&
               shape[0] == heads) {
      shape = {heads * shape[1], shape[2]};  // head by head
    }
  }
}

void leave_padding_out(NamedTensors& tensors) {
  for (NamedTensor& tensor : tensors.tensors) {
    TensorView& view = tensor.view;
    if (tensor.name != "per_layer_token_embd.weight" || view.shape.size() != 2) continue;
    std::vector<float> row(static_cast<std::size_t>(view.columns()));
    const auto is_padding = [&](std::int64_t at) {
      unpack(view, at, 1, row.data());
      return std::ranges::all_of(row, [](float number) { return number == 0; });
    };
    while (view.shape[0] > 1 && is_padding(view.shape[0] - 1)) --view.shape[0];
  }
}

}  // namespace azimuth
