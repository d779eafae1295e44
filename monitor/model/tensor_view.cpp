#include "azimuth/tensor_view.h"

#include <functional>
#include <iterator>
#include <numeric>

#include "model/enumerators.h"
#include "model/kernels.h"

namespace azimuth {

namespace {

struct TypeFacts {
  std::string_view name;
  std::int64_t block_length;
  std::int64_t block_bytes;
};

// In the order of StoredType.
constexpr TypeFacts kTypeFacts[] = {
    {"f32", 1, 4},        {"f16", 1, 2},      {"bf16", 1, 2},       {"q4_0", 32, 18},
    {"q4_1", 32, 20},     {"q5_0", 32, 22},   {"q5_1", 32, 24},     {"q8_0", 32, 34},
    {"q2_k", 256, 84},    {"q3_k", 256, 110}, {"q4_k", 256, 144},   {"q5_k", 256, 176},
    {"q6_k", 256, 210},   {"iq4_nl", 32, 18}, {"iq4_xs", 256, 136}, {"iq3_s", 256, 110},
    {"iq3_xxs", 256, 98}, {"iq2_s", 256, 82}, {"iq2_xs", 256, 74},  {"iq2_xxs", 256, 66},
    {"iq1_m", 256, 56},   {"iq1_s", 256, 50}, {"tq1_0", 256, 54},   {"tq2_0", 256, 66},
    {"mxfp4", 32, 17},    {"nvfp4", 64, 36},
};
static_assert(!is_enumerator<StoredType(std::size(kTypeFacts))>());
static_assert(kFirstBlockType + kBlockTypes == std::size(kTypeFacts));

const TypeFacts& facts_of(StoredType type) { return kTypeFacts[static_cast<std::size_t>(type)]; }

}  // namespace

std::string_view name_of(StoredType type) { return facts_of(type).name; }

std::int64_t block_length(StoredType type) { return facts_of(type).block_length; }

std::int64_t block_bytes(StoredType type) { return facts_of(type).block_bytes; }

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

std::uint64_t word_sum(const TensorView& view) {
  return kernels().word_sum(view.data, view.bytes());
}

Placement NamedTensor::placement() const {
  if (device) return Placement::device;
  if (view.data == nullptr) return Placement::nowhere;
  return row_ids.empty() ? Placement::host : Placement::host_rows;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "{";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "}";
}

}  // namespace azimuth
