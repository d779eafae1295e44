// Numbers of every stored type against those of the gguf package, bit for bit:
// tests/data/gguf/make_stored_types.py says how the file was made.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>

#include "azimuth/gguf_file.h"

namespace azimuth {
namespace {

constexpr StoredType kTypes[] = {
    StoredType::f16,    StoredType::bf16,   StoredType::q4_0,    StoredType::q4_1,
    StoredType::q5_0,   StoredType::q5_1,   StoredType::q8_0,    StoredType::q2_k,
    StoredType::q3_k,   StoredType::q4_k,   StoredType::q5_k,    StoredType::q6_k,
    StoredType::iq4_nl, StoredType::iq4_xs, StoredType::iq3_s,   StoredType::iq3_xxs,
    StoredType::iq2_s,  StoredType::iq2_xs, StoredType::iq2_xxs, StoredType::iq1_m,
    StoredType::iq1_s,  StoredType::tq1_0,  StoredType::tq2_0,   StoredType::mxfp4,
    StoredType::nvfp4};

std::vector<float> unpacked(const TensorView& view, Nudge nudge = {}) {
  std::vector<float> numbers(static_cast<std::size_t>(view.size()));
  unpack(view, 0, view.rows(), numbers.data(), nudge);
  return numbers;
}

class StoredTypes : public ::testing::TestWithParam<StoredType> {
 protected:
  TensorView tensor(const std::string& suffix) const {
    const std::string name = std::string(name_of(GetParam())) + suffix;
    for (const NamedTensor& tensor : tensors_.tensors) {
      if (tensor.name == name) return tensor.view;
    }
    ADD_FAILURE() << "no tensor " << name;
    return {};
  }

  const NamedTensors tensors_ =
      GgufFile::open(AZIMUTH_TEST_DATA "/gguf/stored_types.gguf").tensors();
};

TEST_P(StoredTypes, AreUnpackedAsByTheGgufPackage) {
  const TensorView view = tensor("");
  ASSERT_EQ(view.type, GetParam());
  const std::vector<float> numbers = unpacked(view);
  const std::vector<float> expected = unpacked(tensor(".numbers"));
  ASSERT_EQ(numbers.size(), expected.size());
  ASSERT_GE(numbers.size(), static_cast<std::size_t>(4 * block_length(GetParam())));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (std::isnan(expected[i])) {  // processors differ in the bits of one
      EXPECT_TRUE(std::isnan(numbers[i])) << "number " << i;
    } else {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(numbers[i]), std::bit_cast<std::uint32_t>(expected[i]))
          << "number " << i << ": " << numbers[i] << " where " << expected[i] << " is expected";
    }
  }
}

TEST_P(StoredTypes, HaveRowsOfTheirOwn) {
  const TensorView view = tensor("");
  const std::vector<float> numbers = unpacked(view);
  std::vector<float> row(static_cast<std::size_t>(view.columns()));
  unpack(view, view.rows() - 1, 1, row.data());
  for (std::size_t i = 0; i < row.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(row[i]),
              std::bit_cast<std::uint32_t>(numbers[numbers.size() - row.size() + i]));
  }
}

TEST_P(StoredTypes, AreMovedByHalfAStepOfTheirBlock) {
  if (block_length(GetParam()) == 1) return;  // a float's step is its last place: see HostMap
  const std::vector<float> numbers = unpacked(tensor(""));
  const std::vector<float> nudged = unpacked(tensor(""), {true, 5});
  const std::vector<float> steps = unpacked(tensor(".steps"));
  std::map<bool, int> directions;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const double moved = static_cast<double>(nudged[i]) - numbers[i];
    const double rounding = 1e-6 * std::abs(static_cast<double>(numbers[i]));
    const double step = steps[i / 16];
    EXPECT_NEAR(std::abs(moved), 0.5 * step, 1e-4 * step + rounding) << "number " << i;
    if (moved != 0) ++directions[moved > 0];
  }
  EXPECT_GT(directions[true], static_cast<int>(numbers.size()) / 4);
  EXPECT_GT(directions[false], static_cast<int>(numbers.size()) / 4);
}

INSTANTIATE_TEST_SUITE_P(Gguf, StoredTypes, ::testing::ValuesIn(kTypes),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace azimuth
