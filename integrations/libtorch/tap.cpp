#include <torch/types.h>

#include <exception>

#include "azimuth/libtorch.h"

namespace azimuth {

void tap(Attachment& attachment, std::int32_t block, const torch::Tensor& hidden_states) noexcept {
  try {
    if (!hidden_states.defined() || hidden_states.dim() < 2 || hidden_states.dim() > 3) return;
    const torch::NoGradGuard no_grad;
    const std::int64_t hidden_size = hidden_states.size(-1);
    const torch::Tensor tokens = hidden_states.detach()
                                     .to(torch::kCPU, torch::kFloat32)
                                     .reshape({-1, hidden_size})
                                     .contiguous();
    attachment.tap(block, Eigen::Map<const Eigen::MatrixXf>(tokens.data_ptr<float>(), hidden_size,
                                                            tokens.size(0)));
  } catch (const std::exception&) {
    // Training comes first: states that cannot be copied are states that were not tapped.
  }
}

}  // namespace azimuth
