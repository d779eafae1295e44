#include "azimuth/host_map.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "azimuth/workers.h"
#include "model/kernels.h"

namespace azimuth {
namespace {

// Rows that are unpacked and multiplied at once: few enough to stay in the cache, enough for the
// products to run at full speed. Fixed, so that sums are formed alike with any number of threads.
constexpr std::int64_t kTileRows = 96;

struct Tile {
  const float* data;
  std::int64_t stride;
};

// Rows [first, first + count) as float32: in place where they are stored so, else unpacked.
Tile tile_of(const TensorView& view, Nudge nudge, std::int64_t first, std::int64_t count) {
  const std::int64_t columns = view.columns();
  if (view.type == StoredType::f32 && !nudge.active) {
    return {reinterpret_cast<const float*>(view.data) + first * columns, columns};
  }
  thread_local std::vector<float> buffer;
  buffer.resize(static_cast<std::size_t>(count * columns));
  kernels().unpack(view, first, count, buffer.data(), nudge);
  return {buffer.data(), columns};
}

void multiply_tile(const Tile& w, std::int64_t rows, std::int64_t columns,
                   const Eigen::Ref<const Eigen::MatrixXf>& X, float* y, std::int64_t ldy) {
  kernels().multiply_f32(w.data, w.stride, rows, columns, X.data(), X.outerStride(), X.cols(), y,
                         ldy);
}
void multiply_tile(const Tile& w, std::int64_t rows, std::int64_t columns,
                   const Eigen::Ref<const Eigen::MatrixXd>& X, double* y, std::int64_t ldy) {
  kernels().multiply_f64(w.data, w.stride, rows, columns, X.data(), X.outerStride(), X.cols(), y,
                         ldy);
}
void multiply_tile_transposed(const float* w, std::int64_t ldw, std::int64_t rows,
                              std::int64_t columns, const float* x, std::int64_t ldx,
                              std::int64_t k, float* y, std::int64_t ldy) {
  kernels().multiply_transposed_f32(w, ldw, rows, columns, x, ldx, k, y, ldy);
}
void multiply_tile_transposed(const float* w, std::int64_t ldw, std::int64_t rows,
                              std::int64_t columns, const double* x, std::int64_t ldx,
                              std::int64_t k, double* y, std::int64_t ldy) {
  kernels().multiply_transposed_f64(w, ldw, rows, columns, x, ldx, k, y, ldy);
}

// Stored rows [first, first + rows) are outputs: each tile gives some rows of Y.
template <class Matrix>
void apply_rows(const TensorView& view, Nudge nudge, std::int64_t first, std::int64_t rows,
                const Eigen::Ref<const Matrix>& X, Eigen::Ref<Matrix>& Y, Workers& workers) {
  workers.for_each((rows + kTileRows - 1) / kTileRows, [&](std::int64_t tile) {
    const std::int64_t begin = tile * kTileRows;
    const std::int64_t count = std::min(kTileRows, rows - begin);
    multiply_tile(tile_of(view, nudge, first + begin, count), count, view.columns(), X,
                  Y.data() + begin, Y.outerStride());
  });
}

// All stored rows are inputs, and the stored columns [first, first + Y.rows()) outputs: every tile
// adds to all of Y. Sums of the tiles are kept apart and added in order.
template <class Matrix>
void apply_columns(const TensorView& view, Nudge nudge, std::int64_t first_row, std::int64_t rows,
                   std::int64_t first, const Eigen::Ref<const Matrix>& X, Eigen::Ref<Matrix>& Y,
                   Workers& workers) {
  const std::int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  constexpr std::int64_t kGroup = 8;
  Y.setZero();
  std::vector<Matrix> sums(static_cast<std::size_t>(std::min(tiles, kGroup)));
  for (std::int64_t group = 0; group < tiles; group += kGroup) {
    const std::int64_t size = std::min(kGroup, tiles - group);
    workers.for_each(size, [&](std::int64_t i) {
      const std::int64_t begin = (group + i) * kTileRows;
      const std::int64_t count = std::min(kTileRows, rows - begin);
      const Tile w = tile_of(view, nudge, first_row + begin, count);
      Matrix& sum = sums[static_cast<std::size_t>(i)];
      sum.setZero(Y.rows(), Y.cols());
      multiply_tile_transposed(w.data + first, w.stride, count, Y.rows(), X.data() + begin,
                               X.outerStride(), X.cols(), sum.data(), sum.outerStride());
    });
    for (std::int64_t i = 0; i < size; ++i) Y += sums[static_cast<std::size_t>(i)];
  }
}

}  // namespace

HostMap::HostMap(TensorView view, Part part, Nudge nudge)
    : view_(std::move(view)),
      part_(part),
      nudge_(nudge),
      inputs_(part.transposed ? view_.rows() : view_.columns()) {}

template <class Matrix>
void HostMap::multiply(const Eigen::Ref<const Matrix>& X, Eigen::Ref<Matrix> Y,
                       Workers& workers) const {
  if (part_.transposed) {
    apply_columns<Matrix>(view_, nudge_, 0, inputs_, part_.first_output, X, Y, workers);
  } else {
    apply_rows<Matrix>(view_, nudge_, part_.first_output, part_.outputs, X, Y, workers);
  }
}

template <class Matrix>
void HostMap::multiply_transposed(const Eigen::Ref<const Matrix>& X, Eigen::Ref<Matrix> Y,
                                  Workers& workers) const {
  if (!part_.transposed) {
    apply_columns<Matrix>(view_, nudge_, part_.first_output, part_.outputs, 0, X, Y, workers);
    return;
  }
  workers.for_each((inputs_ + kTileRows - 1) / kTileRows, [&](std::int64_t tile) {
    const std::int64_t begin = tile * kTileRows;
    const std::int64_t count = std::min(kTileRows, inputs_ - begin);
    Tile w = tile_of(view_, nudge_, begin, count);
    w.data += part_.first_output;
    multiply_tile(w, count, part_.outputs, X, Y.data() + begin, Y.outerStride());
  });
}

void HostMap::apply(const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y,
                    Workers& workers) const {
  multiply<Eigen::MatrixXf>(X, Y, workers);
}

void HostMap::apply(const Eigen::Ref<const Eigen::MatrixXd>& X, Eigen::Ref<Eigen::MatrixXd> Y,
                    Workers& workers) const {
  multiply<Eigen::MatrixXd>(X, Y, workers);
}

void HostMap::apply_transpose(const Eigen::Ref<const Eigen::MatrixXf>& X,
                              Eigen::Ref<Eigen::MatrixXf> Y, Workers& workers) const {
  multiply_transposed<Eigen::MatrixXf>(X, Y, workers);
}

void HostMap::apply_transpose(const Eigen::Ref<const Eigen::MatrixXd>& X,
                              Eigen::Ref<Eigen::MatrixXd> Y, Workers& workers) const {
  multiply_transposed<Eigen::MatrixXd>(X, Y, workers);
}

void HostMap::unpack_rows(std::int64_t first, Eigen::Ref<Eigen::MatrixXf> out) const {
  first += part_.first_output;
  if (!part_.transposed) {
    for (Eigen::Index i = 0; i < out.cols(); ++i) {
      kernels().unpack(view_, first + i, 1, out.col(i).data(), nudge_);
    }
    return;
  }
  for (std::int64_t input = 0; input < inputs_; ++input) {
    const Tile stored = tile_of(view_, nudge_, input, 1);
    out.row(input) = Eigen::Map<const Eigen::RowVectorXf>(stored.data + first, out.cols());
  }
}

std::shared_ptr<const LinearMap> HostMap::nudged(std::uint64_t seed) const {
  return std::make_shared<HostMap>(view_, part_, Nudge{true, seed});
}

std::uint64_t HostMap::word_sum() const {
  if (part_.transposed) return kernels().word_sum(view_.data, view_.bytes());
  return kernels().word_sum(view_.data + part_.first_output * view_.row_bytes(),
                            part_.outputs * view_.row_bytes());
}

}  // namespace azimuth
