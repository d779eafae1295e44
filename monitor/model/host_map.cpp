#include "azimuth/host_map.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "azimuth/workers.h"
#include "model/kernels.h"

namespace azimuth {
namespace {

// Rows that a thread multiplies with at a time. Fixed, so that sums are formed alike with any
// number of threads.
constexpr std::int64_t kTileRows = 96;

// Of these, the rows that are unpacked and multiplied at once. With many vectors as many as let the
// products run at full speed; with few what stays in the nearest cache.
std::int64_t piece_rows(std::int64_t columns, bool few) {
  constexpr std::int64_t kCachedNumbers = 8192;
  if (!few) return kTileRows;
  return std::clamp<std::int64_t>(kCachedNumbers / columns / 4 * 4, 4, kTileRows);
}

// So many from `first`, each `stride` behind the last.
struct Range {
  std::int64_t first;
  std::int64_t count;
  std::int64_t stride = 1;
};

// Some rows, and of them some columns: in place where they are float32, or bfloat16 for a product
// with few vectors, else unpacked to float32.
WeightRows window_of(const TensorView& view, Nudge nudge, const Range& rows, const Range& columns,
                     bool few) {
  const bool in_place = view.type == StoredType::f32 || (view.type == StoredType::bf16 && few);
  if (in_place && !nudge.active && columns.stride == 1) {
    return {view.type,
            view.data + rows.first * view.row_bytes() + columns.first * block_bytes(view.type),
            view.row_bytes() * rows.stride, rows.count, columns.count};
  }
  const std::int64_t stored = view.columns();
  thread_local std::vector<float> buffer;
  buffer.resize(static_cast<std::size_t>(rows.count * stored));
  if (rows.stride == 1) {
    unpack(view, rows.first, rows.count, buffer.data(), nudge);
  } else {
    for (std::int64_t i = 0; i < rows.count; ++i) {
      unpack(view, rows.first + i * rows.stride, 1, buffer.data() + i * stored, nudge);
    }
  }
  std::int64_t row_length = stored;
  const float* data = buffer.data() + columns.first;
  if (columns.stride > 1) {  // moved together, each to where nothing is that is still to be read
    row_length = columns.count;
    data = buffer.data();
    for (std::int64_t i = 0; i < rows.count; ++i) {
      for (std::int64_t j = 0; j < columns.count; ++j) {
        buffer[static_cast<std::size_t>(i * row_length + j)] =
            buffer[static_cast<std::size_t>(i * stored + columns.first + j * columns.stride)];
      }
    }
  }
  return {StoredType::f32, reinterpret_cast<const std::byte*>(data),
          row_length * static_cast<std::int64_t>(sizeof(float)), rows.count, columns.count};
}

void multiply_rows(const WeightRows& w, const float* x, std::int64_t ldx, std::int64_t k, float* y,
                   std::int64_t ldy) {
  kernels().multiply_f32(w, x, ldx, k, y, ldy);
}
void multiply_rows(const WeightRows& w, const double* x, std::int64_t ldx, std::int64_t k,
                   double* y, std::int64_t ldy) {
  kernels().multiply_f64(w, x, ldx, k, y, ldy);
}
void multiply_rows_transposed(const WeightRows& w, const float* x, std::int64_t ldx, std::int64_t k,
                              float* y, std::int64_t ldy) {
  kernels().multiply_transposed_f32(w, x, ldx, k, y, ldy);
}
void multiply_rows_transposed(const WeightRows& w, const double* x, std::int64_t ldx,
                              std::int64_t k, double* y, std::int64_t ldy) {
  kernels().multiply_transposed_f64(w, x, ldx, k, y, ldy);
}

// Rows and columns of a stored matrix that a product takes.
struct Window {
  const TensorView& view;
  Nudge nudge;
  Range rows;
  Range columns;

  // Calls `use` with the weights of a piece of the rows [begin, end) after another, and its first.
  template <class Use>
  void for_pieces(std::int64_t begin, std::int64_t end, std::int64_t k, const Use& use) const {
    const bool few = has_own_loop(k);
    const std::int64_t most = piece_rows(view.columns(), few);
    for (std::int64_t row = begin; row < end; row += most) {
      const Range piece = {rows.first + row * rows.stride, std::min(most, end - row), rows.stride};
      use(window_of(view, nudge, piece, columns, few), row);
    }
  }
};

// Stored rows are outputs: each tile gives some rows of Y.
template <class Matrix>
void apply_rows(const Window& window, const Eigen::Ref<const Matrix>& X, Eigen::Ref<Matrix>& Y,
                Workers& workers) {
  workers.for_each((window.rows.count + kTileRows - 1) / kTileRows, [&](std::int64_t tile) {
    const std::int64_t begin = tile * kTileRows;
    window.for_pieces(begin, std::min(begin + kTileRows, window.rows.count), X.cols(),
                      [&](const WeightRows& w, std::int64_t row) {
                        multiply_rows(w, X.data(), X.outerStride(), X.cols(), Y.data() + row,
                                      Y.outerStride());
                      });
  });
}

// Stored rows are inputs: every one adds to all of Y. Parts of them, whose number does not depend
// on that of the threads, have sums of their own, added in order.
template <class Matrix>
void apply_columns(const Window& window, const Eigen::Ref<const Matrix>& X, Eigen::Ref<Matrix>& Y,
                   Workers& workers) {
  constexpr std::int64_t kParts = 8;
  const std::int64_t size = ((window.rows.count + kParts - 1) / kParts + 3) / 4 * 4;
  std::vector<Matrix> sums(kParts);
  workers.for_each(kParts, [&](std::int64_t part) {
    const std::int64_t begin = std::min(part * size, window.rows.count);
    Matrix& sum = sums[static_cast<std::size_t>(part)];
    sum.setZero(Y.rows(), Y.cols());
    window.for_pieces(begin, std::min(begin + size, window.rows.count), X.cols(),
                      [&](const WeightRows& w, std::int64_t row) {
                        multiply_rows_transposed(w, X.data() + row, X.outerStride(), X.cols(),
                                                 sum.data(), sum.outerStride());
                      });
  });
  Y = sums.front();
  for (std::size_t part = 1; part < sums.size(); ++part) Y += sums[part];
}

}  // namespace

HostMap::HostMap(TensorView view, MatrixPart part, Nudge nudge)
    : view_(std::move(view)),
      part_(part),
      nudge_(nudge),
      inputs_(part.transposed ? view_.rows() : view_.columns()) {}

template <class Matrix>
void HostMap::multiply(bool transpose, const Eigen::Ref<const Matrix>& X, Eigen::Ref<Matrix> Y,
                       Workers& workers) const {
  const Range outputs = {part_.first_output, part_.outputs, part_.stride};
  const Range inputs = {0, inputs_};
  const Window window = part_.transposed ? Window{view_, nudge_, inputs, outputs}
                                         : Window{view_, nudge_, outputs, inputs};
  if (part_.transposed == transpose) {
    apply_rows<Matrix>(window, X, Y, workers);
  } else {
    apply_columns<Matrix>(window, X, Y, workers);
  }
}

void HostMap::apply(const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y,
                    Workers& workers) const {
  multiply<Eigen::MatrixXf>(false, X, Y, workers);
}

void HostMap::apply(const Eigen::Ref<const Eigen::MatrixXd>& X, Eigen::Ref<Eigen::MatrixXd> Y,
                    Workers& workers) const {
  multiply<Eigen::MatrixXd>(false, X, Y, workers);
}

void HostMap::apply_transpose(const Eigen::Ref<const Eigen::MatrixXf>& X,
                              Eigen::Ref<Eigen::MatrixXf> Y, Workers& workers) const {
  multiply<Eigen::MatrixXf>(true, X, Y, workers);
}

void HostMap::apply_transpose(const Eigen::Ref<const Eigen::MatrixXd>& X,
                              Eigen::Ref<Eigen::MatrixXd> Y, Workers& workers) const {
  multiply<Eigen::MatrixXd>(true, X, Y, workers);
}

void HostMap::unpack_rows(std::int64_t first, Eigen::Ref<Eigen::MatrixXf> out) const {
  const Range outputs = {part_.first_output + first * part_.stride, out.cols(), part_.stride};
  if (!part_.transposed) {
    for (Eigen::Index i = 0; i < out.cols(); ++i) {
      unpack(view_, outputs.first + i * outputs.stride, 1, out.col(i).data(), nudge_);
    }
    return;
  }
  for (std::int64_t input = 0; input < inputs_; ++input) {
    const WeightRows stored = window_of(view_, nudge_, {input, 1}, outputs, /*few=*/false);
    out.row(input) = Eigen::Map<const Eigen::RowVectorXf>(
        reinterpret_cast<const float*>(stored.data), out.cols());
  }
}

}  // namespace azimuth
