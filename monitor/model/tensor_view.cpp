#include "azimuth/tensor_view.h"

#include <functional>
#include <numeric>

#include "model/kernels.h"

namespace azimuth {

std::string_view name_of(StoredType type) {
  switch (type) {
    case StoredType::f32:
      return "f32";
    case StoredType::f16:
      return "f16";
    case StoredType::bf16:
      return "bf16";
    case StoredType::q4_1:
      return "q4_1";
    case StoredType::q8_0:
      return "q8_0";
  }
  return "unknown";
}

std::int64_t block_length(StoredType type) {
  return type == StoredType::q4_1 || type == StoredType::q8_0 ? 32 : 1;
}

std::int64_t block_bytes(StoredType type) {
  switch (type) {
    case StoredType::f32:
      return 4;
    case StoredType::f16:
    case StoredType::bf16:
      return 2;
    case StoredType::q4_1:
      return 20;
    case StoredType::q8_0:
      return 34;
  }
  return 0;
}

std::int64_t TensorView::size() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

std::int64_t TensorView::rows() const { return shape.size() < 2 ? 1 : size() / columns(); }

std::int64_t TensorView::columns() const { return shape.empty() ? 1 : shape.back(); }

std::int64_t TensorView::row_bytes() const {
  return columns() / block_length(type) * block_bytes(type);
}

std::int64_t TensorView::bytes() const { return rows() * row_bytes(); }

void unpack(const TensorView& view, std::int64_t first_row, std::int64_t count, float* out,
            Nudge nudge) {
  kernels().unpack(view, first_row, count, out, nudge);
}

}  // namespace azimuth
