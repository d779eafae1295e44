#include "azimuth/perplexity.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace azimuth {
namespace {

// Rows whose logits are made float32 and summed at once: of a large vocabulary a few are enough.
constexpr std::int64_t kRows = 64;

}  // namespace

void Perplexity::add(const at::Tensor& logits, const at::Tensor& ids) {
  const torch::NoGradGuard no_grad;
  const std::int64_t count = ids.size(1) - 1;
  const torch::Tensor next = ids[0].narrow(0, 1, count).to(logits.device()).unsqueeze(1);
  for (std::int64_t first = 0; first < count; first += kRows) {
    const std::int64_t rows = std::min(kRows, count - first);
    const torch::Tensor some = logits[0].narrow(0, first, rows).to(torch::kFloat32);
    const torch::Tensor own = some.gather(1, next.narrow(0, first, rows)).squeeze(1);
    loss_ += (some.logsumexp(1) - own).to(torch::kFloat64).sum().item<double>();
  }
  tokens_ += count;
}

double Perplexity::value() const {
  if (tokens_ == 0) return std::numeric_limits<double>::quiet_NaN();
  return std::exp(loss_ / static_cast<double>(tokens_));
}

double perplexity(const Decoder& decoder, const at::Tensor& ids, Products* products,
                  Progress* progress) {
  const torch::NoGradGuard no_grad;
  Perplexity all;
  for (std::int64_t s = 0; s < ids.size(0); ++s) {
    next_part(progress);
    const at::Tensor sequence = ids.narrow(0, s, 1);
    all.add(decoder.forward(sequence, {}, products), sequence);
  }
  if (!std::isfinite(all.value())) throw std::domain_error("a perplexity is not finite");
  return all.value();
}

}  // namespace azimuth
