#include "integer_products.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

namespace azimuth {
namespace {

// 1024 products of at most 127² are below 2^24.
constexpr std::int64_t kExact = 1024;

// With LibTorch 2.4 and 2.5 sums saturate on processors that have no instruction for them
// (pytorch#136746), and nothing says so.
bool is_exact(const at::TensorOptions& options) {
  const at::Tensor largest = at::full({32, 64}, 127, options);
  return at::_int_mm(largest, largest.t()).equal(IntegerProducts::by_floats(largest, largest));
}

}  // namespace

at::Tensor IntegerProducts::by_floats(const at::Tensor& X, const at::Tensor& W) {
  at::Tensor sum = at::zeros({X.size(0), W.size(0)}, X.options().dtype(at::kInt));
  for (std::int64_t first = 0; first < X.size(1); first += kExact) {
    const std::int64_t count = std::min(kExact, X.size(1) - first);
    const auto part = [&](const at::Tensor& all) {
      return all.narrow(1, first, count).to(at::kFloat);
    };
    sum += part(X).mm(part(W).t()).to(at::kInt);
  }
  return sum;
}

at::Tensor IntegerProducts::product(const at::Tensor& X, const at::Tensor& W) {
  try {
    if (!native_) native_ = is_exact(X.options());
    if (*native_) return at::_int_mm(X, W.t());
  } catch (const c10::Error&) {  // no such kernel, or not for such shapes
    if (!native_) native_ = false;
  }
  return by_floats(X, W);
}

}  // namespace azimuth
