#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <span>

#include "azimuth/gguf_file.h"
#include "integrations/checkpoints/gguf_writer.h"
#include "integrations/checkpoints/quantised_blocks.h"

namespace azimuth {
namespace {

using namespace azimuth::testing;

// `bytes` as a tensor of `rows` rows in a file; its numbers must be those of the gguf package.
void expect_numbers(std::uint32_t ggml_type, std::uint64_t rows,
                    std::span<const std::uint8_t> bytes, std::span<const std::uint32_t> expected) {
  GgufWriter writer;
  writer.tensors = {{"blocks",
                     {expected.size() / rows, rows},
                     ggml_type,
                     std::string(bytes.begin(), bytes.end())}};
  const TemporaryFile file(writer.bytes());
  const NamedTensors tensors = GgufFile::open(file.path()).tensors();
  const TensorView& view = tensors.tensors.at(0).view;
  ASSERT_EQ(view.bytes(), static_cast<std::int64_t>(bytes.size()));
  std::vector<float> numbers(expected.size());
  unpack(view, 0, view.rows(), numbers.data());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto wanted = std::bit_cast<float>(expected[i]);
    if (std::isnan(wanted)) {  // processors differ in the bits of one
      EXPECT_TRUE(std::isnan(numbers[i])) << "number " << i;
    } else {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(numbers[i]), expected[i])
          << "number " << i << ": " << numbers[i] << " where " << wanted << " is expected";
    }
  }
  std::vector<float> last_row(static_cast<std::size_t>(view.columns()));
  unpack(view, view.rows() - 1, 1, last_row.data());
  EXPECT_EQ(std::bit_cast<std::uint32_t>(last_row.back()),
            std::bit_cast<std::uint32_t>(numbers.back()));
}

TEST(StoredTypes, F16IsThatOfTheGgufPackage) { expect_numbers(1, 4, f16_bytes, f16_numbers); }
TEST(StoredTypes, BF16IsThatOfTheGgufPackage) { expect_numbers(30, 4, bf16_bytes, bf16_numbers); }
TEST(StoredTypes, Q4_1IsThatOfTheGgufPackage) { expect_numbers(3, 2, q4_1_bytes, q4_1_numbers); }
TEST(StoredTypes, Q8_0IsThatOfTheGgufPackage) { expect_numbers(8, 2, q8_0_bytes, q8_0_numbers); }

}  // namespace
}  // namespace azimuth
