#include "model/row_scaled_map.h"

#include <algorithm>
#include <utility>

#include "azimuth/workers.h"

namespace azimuth {

RowScaledMap::RowScaledMap(std::shared_ptr<const LinearMap> map, Eigen::VectorXf lengths)
    : map_(std::move(map)), lengths_(std::move(lengths)) {}

RowScaledMap::RowScaledMap(std::shared_ptr<const LinearMap> map, Factors factors)
    : map_(std::move(map)), scales_(std::move(factors.of_rows)) {}

const Eigen::VectorXd& RowScaledMap::scales(Workers& workers) const {
  if (lengths_.size() == 0) return scales_;
  std::call_once(read_, [&] {
    constexpr std::int64_t kTile = 32;
    Eigen::VectorXd scales(rows());
    workers.for_each((rows() + kTile - 1) / kTile, [&](std::int64_t tile) {
      const std::int64_t first = tile * kTile;
      Eigen::MatrixXf tile_rows(columns(), std::min(kTile, rows() - first));
      map_->unpack_rows(first, tile_rows);
      for (std::int64_t i = 0; i < tile_rows.cols(); ++i) {
        const double length = tile_rows.col(i).cast<double>().norm();
        scales[first + i] = length > 0 ? static_cast<double>(lengths_[first + i]) / length : 0;
      }
    });
    scales_ = std::move(scales);
  });
  return scales_;
}

void RowScaledMap::apply(const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y,
                         Workers& workers) const {
  map_->apply(X, Y, workers);
  Y.array().colwise() *= scales(workers).cast<float>().eval().array();
}

void RowScaledMap::apply(const Eigen::Ref<const Eigen::MatrixXd>& X, Eigen::Ref<Eigen::MatrixXd> Y,
                         Workers& workers) const {
  map_->apply(X, Y, workers);
  Y.array().colwise() *= scales(workers).array();
}

void RowScaledMap::apply_transpose(const Eigen::Ref<const Eigen::MatrixXf>& X,
                                   Eigen::Ref<Eigen::MatrixXf> Y, Workers& workers) const {
  const Eigen::MatrixXf scaled = scales(workers).cast<float>().asDiagonal() * X;
  map_->apply_transpose(scaled, Y, workers);
}

void RowScaledMap::apply_transpose(const Eigen::Ref<const Eigen::MatrixXd>& X,
                                   Eigen::Ref<Eigen::MatrixXd> Y, Workers& workers) const {
  const Eigen::MatrixXd scaled = scales(workers).asDiagonal() * X;
  map_->apply_transpose(scaled, Y, workers);
}

void RowScaledMap::unpack_rows(std::int64_t first, Eigen::Ref<Eigen::MatrixXf> out) const {
  Workers one;
  map_->unpack_rows(first, out);
  out.array().rowwise() *=
      scales(one).segment(first, out.cols()).cast<float>().transpose().array().eval();
}

}  // namespace azimuth
