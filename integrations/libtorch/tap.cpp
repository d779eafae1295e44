#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <vector>

#include "azimuth/libtorch.h"

namespace azimuth {
namespace {

// Of each row; NaN where a number in it is not finite.
torch::Tensor medians_of(const torch::Tensor& rows) {
  const torch::Tensor sorted = std::get<0>(torch::sort(rows, 1));
  const std::int64_t last = rows.size(1) - 1;
  const torch::Tensor middle = (sorted.select(1, last / 2) + sorted.select(1, (last + 1) / 2)) / 2;
  return middle + 0 * sorted.select(1, last);  // NaN and infinity are sorted to the end
}

// TappedStates where the states lie, one after the other in `numbers`.
struct KeptStates {
  torch::Tensor numbers;
  torch::Tensor ids;
  std::int64_t sequences = 0;
  std::int64_t tokens = 0;  // of all

  TappedStates here() const;
};

template <class Number>
std::vector<Number> next(const Number*& from, std::int64_t count) {
  from += count;
  return {from - count, from};
}

TappedStates KeptStates::here() const {
  const torch::NoGradGuard no_grad;
  const torch::Tensor all = numbers.to(torch::kCPU);
  const float* from = all.data_ptr<float>();
  TappedStates states;
  states.median = static_cast<double>(*from++);
  states.medians = next(from, sequences);
  states.ratios = next(from, tokens);
  states.sum = next(from, all.numel() - 1 - sequences - tokens);
  if (ids.defined()) {
    const torch::Tensor mine = ids.to(torch::kCPU);
    const std::int64_t* id = mine.data_ptr<std::int64_t>();
    states.ids = next(id, mine.numel());
  }
  return states;
}

// Nothing here asks for a value: on an accelerator this is put in its queue, and goes on.
KeptStates kept_of(const torch::Tensor& hidden_states, const torch::Tensor& ids,
                   double high_norm_ratio) {
  const torch::NoGradGuard no_grad;
  // What training computes in half precision is none of this.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const std::int64_t sequences = hidden_states.dim() == 3 ? hidden_states.size(0) : 1;
  torch::Tensor states = hidden_states.detach().reshape({-1, hidden_states.size(-1)});
  if (states.scalar_type() != torch::kFloat32) states = states.to(torch::kFloat32);
  const torch::Tensor norms = torch::linalg_vector_norm(states, 2, {1}, false);
  const torch::Tensor medians = medians_of(norms.reshape({sequences, -1}));
  const torch::Tensor ratios =
      (norms.reshape({sequences, -1}) / medians.unsqueeze(1)).reshape({-1});
  const torch::Tensor is_high = ratios.clone().ge_(high_norm_ratio);  // 1 or 0
  KeptStates kept;
  kept.sequences = sequences;
  kept.tokens = norms.numel();
  kept.numbers =
      torch::cat({medians_of(norms.unsqueeze(0)), medians, ratios, torch::mv(states.t(), is_high)});
  const bool has_ids = ids.defined() && ids.scalar_type() == torch::kInt64 &&
                       ids.dim() == hidden_states.dim() - 1 &&
                       ids.sizes() == hidden_states.sizes().slice(0, ids.dim());
  if (has_ids) kept.ids = ids.detach().reshape({-1}).clone();
  return kept;
}

}  // namespace

void tap(Attachment& attachment, std::int32_t block, const torch::Tensor& hidden_states,
         const torch::Tensor& ids) noexcept {
  if (!hidden_states.defined() || hidden_states.dim() < 2 || hidden_states.dim() > 3) return;
  if (hidden_states.numel() == 0 || !hidden_states.is_floating_point()) return;
  attachment.tap(
      block, hidden_states.size(-1), [&](double high_norm_ratio) -> std::function<TappedStates()> {
        try {
          return [kept = kept_of(hidden_states, ids, high_norm_ratio)] { return kept.here(); };
        } catch (const std::exception&) {
          // Training comes first: states that cannot be read are states that were not
          // tapped.
          return [] { return TappedStates{}; };
        }
      });
}

}  // namespace azimuth
