#include <torch/types.h>
#include <torch/utils.h>

#include <exception>
#include <functional>

#include "azimuth/libtorch.h"

namespace azimuth {
namespace {

// The median norm, where the states lie; NaN where a norm is not finite. Nothing here asks for a
// value: on an accelerator this is put in its queue, and goes on.
torch::Tensor median_norm(const torch::Tensor& hidden_states) {
  torch::Tensor tokens = hidden_states.detach().reshape({-1, hidden_states.size(-1)});
  if (tokens.element_size() < 4) tokens = tokens.to(torch::kFloat32);
  const torch::Tensor norms =
      std::get<0>(torch::sort(torch::linalg_vector_norm(tokens, 2, {1}, false)));
  const std::int64_t last = norms.size(0) - 1;
  const torch::Tensor middle = (norms.select(0, last / 2) + norms.select(0, (last + 1) / 2)) / 2;
  return middle + 0 * norms.select(0, last);  // NaN and infinity are sorted to the end
}

}  // namespace

void tap(Attachment& attachment, std::int32_t block, const torch::Tensor& hidden_states) noexcept {
  if (!hidden_states.defined() || hidden_states.dim() < 2 || hidden_states.dim() > 3) return;
  if (hidden_states.numel() == 0 || !hidden_states.is_floating_point()) return;
  attachment.tap(block, hidden_states.size(-1), [&]() -> std::function<double()> {
    try {
      const torch::NoGradGuard no_grad;
      return [median = median_norm(hidden_states)] { return median.item<double>(); };
    } catch (const std::exception&) {
      // Training comes first: states that cannot be read are states that were not tapped.
      return [] { return kNotApplicable; };
    }
  });
}

}  // namespace azimuth
