#include "azimuth/tensor_view.h"

#include <functional>
#include <iterator>
#include <numeric>
#include <utility>

#include "azimuth/decoded_rows.h"
#include "model/coins.h"
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
    {"f32", 1, 4},       {"f16", 1, 2},        {"bf16", 1, 2},
    {"q4_0", 32, 18},    {"q4_1", 32, 20},     {"q5_0", 32, 22},
    {"q5_1", 32, 24},    {"q8_0", 32, 34},     {"q2_k", 256, 84},
    {"q3_k", 256, 110},  {"q4_k", 256, 144},   {"q5_k", 256, 176},
    {"q6_k", 256, 210},  {"iq4_nl", 32, 18},   {"iq4_xs", 256, 136},
    {"iq3_s", 256, 110}, {"iq3_xxs", 256, 98}, {"iq2_s", 256, 82},
    {"iq2_xs", 256, 74}, {"iq2_xxs", 256, 66}, {"iq1_m", 256, 56},
    {"iq1_s", 256, 50},  {"tq1_0", 256, 54},   {"tq2_0", 256, 66},
    {"mxfp4", 32, 17},   {"nvfp4", 64, 36},    {"levels and scales", 1, 0},
};
static_assert(!is_enumerator<StoredType(std::size(kTypeFacts))>());
static_assert(kFirstBlockType + kBlockTypes + 1 == std::size(kTypeFacts));  // in pieces

const TypeFacts& facts_of(StoredType type) { return kTypeFacts[static_cast<std::size_t>(type)]; }

void unpack_pieces(const TensorView& view, std::int64_t first_row, std::int64_t count, float* out,
                   Nudge nudge) {
  const std::int64_t first = view.first_row + first_row;
  if (!nudge.active) return view.decoded->decode(first, count, out, nullptr);
  const std::int64_t columns = view.columns();
  thread_local std::vector<float> half_steps;
  half_steps.resize(static_cast<std::size_t>(count * columns));
  view.decoded->decode(first, count, out, half_steps.data());
  const float* half_step = half_steps.data();
  for (std::int64_t row = first_row; row < first_row + count; ++row) {
    std::uint32_t sides = 0;
    for (std::int64_t column = 0; column < columns; ++column, sides >>= 1) {
      if (column % 32 == 0) sides = coins(nudge.seed, row, column);
      *out++ += (sides & 1) != 0 ? *half_step : -*half_step;
      ++half_step;
    }
  }
}

}  // namespace

std::string_view name_of(StoredType type) { return facts_of(type).name; }

std::int64_t block_length(StoredType type) { return facts_of(type).block_length; }

std::int64_t block_bytes(StoredType type) { return facts_of(type).block_bytes; }

bool shares_scales(StoredType type) {
  return block_length(type) > 1 || type == StoredType::in_pieces;
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
  if (view.type == StoredType::in_pieces) {
    return unpack_pieces(view, first_row, count, out, nudge);
  }
  kernels().unpack(view, first_row, count, out, nudge);
}

TensorView part_of(const TensorView& view, std::int64_t first_row,
                   std::vector<std::int64_t> shape) {
  TensorView part = view;
  part.shape = std::move(shape);
  if (view.type == StoredType::in_pieces) {
    part.first_row += first_row;
    part.data = stored_bytes(part).front().data();
  } else {
    part.data += first_row * view.row_bytes();
  }
  return part;
}

std::vector<std::span<const std::byte>> stored_bytes(const TensorView& view) {
  if (view.type == StoredType::in_pieces) return view.decoded->stored(view.first_row, view.rows());
  return {{view.data, static_cast<std::size_t>(view.bytes())}};
}

std::uint64_t word_sum(const TensorView& view) {
  std::uint64_t sum = 0;
  for (const std::span<const std::byte> piece : stored_bytes(view)) {
    sum += kernels().word_sum(piece.data(), std::ssize(piece));
  }
  return sum;
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
