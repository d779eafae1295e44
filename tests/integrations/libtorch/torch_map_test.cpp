#include "azimuth/torch_map.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "azimuth/host_map.h"
#include "azimuth/workers.h"

namespace azimuth {
namespace {

constexpr std::int64_t kRows =
    67;  // odd, so that the last 32-bit word of 16-bit numbers is not full
constexpr std::int64_t kColumns = 133;

/// {type of the weights, transposed}
class TorchMapTest : public ::testing::TestWithParam<std::tuple<torch::ScalarType, bool>> {
 protected:
  TorchMapTest() {
    torch::manual_seed(1);
    stored_ = torch::randn({kRows, kColumns}).to(std::get<0>(GetParam()));
    stored_[3][5] = 0;
    stored_[4][6] = 1e-7;  // subnormal as float16
    const bool transposed = std::get<1>(GetParam());
    part_ = {.first_output = 11, .outputs = 45, .transposed = transposed};
    const StoredType type = stored_.scalar_type() == torch::kFloat32   ? StoredType::f32
                            : stored_.scalar_type() == torch::kFloat16 ? StoredType::f16
                                                                       : StoredType::bf16;
    view_ = {type, stored_.sizes().vec(), static_cast<const std::byte*>(stored_.data_ptr())};
    X_ = Eigen::MatrixXf::Random(transposed ? kRows : kColumns, 9);
    Z_ = Eigen::MatrixXf::Random(part_.outputs, 9);
  }

  void expect_same(const LinearMap& map, const LinearMap& expected) {
    ASSERT_EQ(map.rows(), expected.rows());
    ASSERT_EQ(map.columns(), expected.columns());
    Eigen::MatrixXf y(map.rows(), X_.cols()), y_expected = y;
    map.apply(X_, y, workers_);
    expected.apply(X_, y_expected, workers_);
    EXPECT_LT((y - y_expected).norm(), 1e-6 * y_expected.norm());

    const Eigen::MatrixXd X = X_.cast<double>();
    Eigen::MatrixXd y64(map.rows(), X_.cols()), y64_expected = y64;
    map.apply(X, y64, workers_);
    expected.apply(X, y64_expected, workers_);
    EXPECT_LT((y64 - y64_expected).norm(), 1e-13 * y64_expected.norm());

    Eigen::MatrixXf x(map.columns(), Z_.cols()), x_expected = x;
    map.apply_transpose(Z_, x, workers_);
    expected.apply_transpose(Z_, x_expected, workers_);
    EXPECT_LT((x - x_expected).norm(), 1e-6 * x_expected.norm());

    Eigen::MatrixXf rows(map.columns(), 7), rows_expected = rows;
    map.unpack_rows(3, rows);
    expected.unpack_rows(3, rows_expected);
    EXPECT_EQ(rows, rows_expected);

    const Eigen::MatrixXd Z = Z_.cast<double>();
    Eigen::MatrixXd x64(map.columns(), Z_.cols()), x64_expected = x64;
    map.apply_transpose(Z, x64, workers_);
    expected.apply_transpose(Z, x64_expected, workers_);
    EXPECT_LT((x64 - x64_expected).norm(), 1e-13 * x64_expected.norm());
  }

  torch::Tensor stored_;
  TensorView view_;
  MatrixPart part_;
  Eigen::MatrixXf X_, Z_;
  Workers workers_;
};

TEST_P(TorchMapTest, MultipliesAsHostMapDoes) {
  expect_same(TorchMap(stored_, part_), HostMap(view_, part_));
}

TEST_P(TorchMapTest, TakesEverySecondOutput) {
  MatrixPart part = part_;
  part.stride = 2;
  part.outputs = 17;
  Z_ = Eigen::MatrixXf::Random(part.outputs, 9);
  expect_same(TorchMap(stored_, part), HostMap(view_, part));
  const Nudge nudge = {true, 42};
  expect_same(TorchMap(stored_, part, nudge), HostMap(view_, part, nudge));
}

TEST_P(TorchMapTest, StridesDoNotMatter) {
  const torch::Tensor strided = stored_.t().contiguous().t();
  ASSERT_FALSE(strided.is_contiguous());
  expect_same(TorchMap(strided, part_), HostMap(view_, part_));
  EXPECT_EQ(TorchTensor(strided).word_sum(), word_sum(view_));
}

TEST_P(TorchMapTest, BlocksOfLargerMatricesAreTakenAndGiven) {
  const TorchMap map(stored_, part_);
  Eigen::MatrixXf y = Eigen::MatrixXf::Zero(map.rows() + 2, X_.cols());
  Eigen::MatrixXf wide = Eigen::MatrixXf::Zero(X_.rows() + 3, X_.cols());
  wide.middleRows(1, X_.rows()) = X_;
  map.apply(wide.middleRows(1, X_.rows()), y.middleRows(1, map.rows()), workers_);
  Eigen::MatrixXf expected(map.rows(), X_.cols());
  map.apply(X_, expected, workers_);
  EXPECT_LT((y.middleRows(1, map.rows()) - expected).norm(), 1e-6 * expected.norm());
  EXPECT_EQ(y.row(0).norm() + y.bottomRows(1).norm(), 0);
}

TEST_P(TorchMapTest, NudgesByTheSameHalfUnits) {
  const Nudge nudge = {true, 42};
  const auto map = TorchTensor(stored_).map(part_, nudge);
  expect_same(*map, HostMap(view_, part_, nudge));

  // Not the weights as stored: float64 products resolve half a unit.
  const Eigen::MatrixXd X = X_.cast<double>();
  Eigen::MatrixXd moved(map->rows(), X.cols()), stored = moved;
  map->apply(X, moved, workers_);
  TorchTensor(stored_).map(part_, {})->apply(X, stored, workers_);
  EXPECT_GT((moved - stored).norm(), 1e-8 * stored.norm());
}

TEST_P(TorchMapTest, ReadsRowsAsTheyAreStored) {
  const torch::Tensor strided = stored_.t().contiguous().t();
  for (const torch::Tensor& stored : {stored_, strided}) {
    std::vector<std::byte> rows(static_cast<std::size_t>(5 * view_.row_bytes()), std::byte{7});
    TorchTensor(stored).read_rows(11, 5, rows.data());
    EXPECT_TRUE(std::equal(rows.begin(), rows.end(), view_.data + 11 * view_.row_bytes()));
  }
}

TEST_P(TorchMapTest, SumsTheSameWords) {
  EXPECT_EQ(TorchTensor(stored_).word_sum(), word_sum(view_));
}

INSTANTIATE_TEST_SUITE_P(, TorchMapTest,
                         ::testing::Combine(::testing::Values(torch::kFloat32, torch::kFloat16,
                                                              torch::kBFloat16),
                                            ::testing::Bool()),
                         [](const auto& info) {
                           return std::string(c10::toString(std::get<0>(info.param))) +
                                  (std::get<1>(info.param) ? "Transposed" : "");
                         });

TEST(TorchMap, MisuseThrows) {
  const torch::Tensor w = torch::ones({3, 4});
  EXPECT_THROW(TorchMap(w.to(torch::kFloat64), {0, 3, false}), std::invalid_argument);
  EXPECT_THROW(TorchMap(w.view(-1), {0, 3, false}), std::invalid_argument);
  EXPECT_THROW(TorchMap(w, {1, 3, false}), std::invalid_argument);
  EXPECT_THROW(TorchMap(w, {0, 5, true}), std::invalid_argument);
  EXPECT_THROW(TorchMap({}, {0, 3, false}), std::invalid_argument);
  EXPECT_THROW(TorchTensor(w.view(-1)), std::invalid_argument);
}

}  // namespace
}  // namespace azimuth
