#include "gguf/gguf_shapes.h"

namespace azimuth {

void restore_shapes(NamedTensors& tensors) {
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
    }
  }
}

}  // namespace azimuth
