#include "model/stacked_map.h"

#include <algorithm>
#include <utility>

namespace azimuth {
namespace {

using Parts = std::vector<std::shared_ptr<const LinearMap>>;

// Each part reads and writes its own block of a larger matrix, through matrices of its own: a map
// may want its columns to lie densely.
template <class Matrix>
void apply_parts(const Parts& parts, const Eigen::Ref<const Matrix>& X, Eigen::Ref<Matrix>& Y,
                 Workers& workers) {
  std::int64_t first = 0;
  for (const auto& part : parts) {
    Matrix y(part->rows(), X.cols());
    part->apply(X, y, workers);
    Y.middleRows(first, part->rows()) = y;
    first += part->rows();
  }
}

template <class Matrix>
void apply_parts_transposed(const Parts& parts, const Eigen::Ref<const Matrix>& X,
                            Eigen::Ref<Matrix>& Y, Workers& workers) {
  Y.setZero();
  std::int64_t first = 0;
  for (const auto& part : parts) {
    Matrix y(Y.rows(), Y.cols());
    const Matrix x = X.middleRows(first, part->rows());
    part->apply_transpose(x, y, workers);
    Y += y;
    first += part->rows();
  }
}

}  // namespace

StackedMap::StackedMap(Parts parts) : parts_(std::move(parts)) {
  for (const auto& part : parts_) rows_ += part->rows();
}

void StackedMap::apply(const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y,
                       Workers& workers) const {
  apply_parts<Eigen::MatrixXf>(parts_, X, Y, workers);
}

void StackedMap::apply(const Eigen::Ref<const Eigen::MatrixXd>& X, Eigen::Ref<Eigen::MatrixXd> Y,
                       Workers& workers) const {
  apply_parts<Eigen::MatrixXd>(parts_, X, Y, workers);
}

void StackedMap::apply_transpose(const Eigen::Ref<const Eigen::MatrixXf>& X,
                                 Eigen::Ref<Eigen::MatrixXf> Y, Workers& workers) const {
  apply_parts_transposed<Eigen::MatrixXf>(parts_, X, Y, workers);
}

void StackedMap::apply_transpose(const Eigen::Ref<const Eigen::MatrixXd>& X,
                                 Eigen::Ref<Eigen::MatrixXd> Y, Workers& workers) const {
  apply_parts_transposed<Eigen::MatrixXd>(parts_, X, Y, workers);
}

void StackedMap::unpack_rows(std::int64_t first, Eigen::Ref<Eigen::MatrixXf> out) const {
  std::int64_t begin = 0;  // of the part
  std::int64_t done = 0;
  for (const auto& part : parts_) {
    const std::int64_t in_part = first + done - begin;
    const std::int64_t count = std::min(part->rows() - in_part, out.cols() - done);
    if (count > 0) part->unpack_rows(in_part, out.middleCols(done, count));
    done += std::max<std::int64_t>(count, 0);
    begin += part->rows();
  }
}

}  // namespace azimuth
