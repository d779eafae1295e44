#include "azimuth/safetensors_file.h"

#include <gmock/gmock.h>

#include "integrations/checkpoints/safetensors/safetensors_writer.h"

namespace azimuth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using namespace azimuth::testing;

std::vector<float> numbers(const NamedTensor& tensor) {
  std::vector<float> result(static_cast<std::size_t>(tensor.view.size()));
  unpack(tensor.view, 0, tensor.view.rows(), result.data());
  return result;
}

TEST(SafetensorsFile, TensorsHaveTheirNamesShapesTypesAndNumbers) {
  const TemporaryFolder folder;
  const auto path = folder.write("model.safetensors", small_safetensors().bytes());
  const NamedTensors all = SafetensorsFile::open(path).tensors();
  ASSERT_EQ(all.tensors.size(), 2u);
  EXPECT_EQ(all.tensors[0].name, "matrix");
  EXPECT_EQ(all.tensors[0].view.type, StoredType::f32);
  EXPECT_THAT(all.tensors[0].view.shape, ElementsAre(2, 3));
  EXPECT_THAT(numbers(all.tensors[0]), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(all.tensors[1].name, "row");
  EXPECT_EQ(all.tensors[1].view.type, StoredType::bf16);
  EXPECT_THAT(numbers(all.tensors[1]), ElementsAre(1, 2));
  EXPECT_EQ(all.parameter_count, 8);
}

TEST(SafetensorsFile, ReadsHalves) {
  SafetensorsWriter writer;
  writer.tensors = {{"half", R"("F16")", "[1,2]", std::string("\x00\x3c\x00\xc0", 4)}};
  const TemporaryFolder folder;
  const auto path = folder.write("model.safetensors", writer.bytes());
  const NamedTensors all = SafetensorsFile::open(path).tensors();
  ASSERT_EQ(all.tensors.size(), 1u);
  EXPECT_EQ(all.tensors[0].view.type, StoredType::f16);
  EXPECT_THAT(numbers(all.tensors[0]), ElementsAre(1, -2));
}

TEST(SafetensorsFile, TellsNamesOfEveryType) {
  const TemporaryFolder folder;
  const auto file =
      SafetensorsFile::open(folder.write("model.safetensors", small_safetensors().bytes()));
  EXPECT_TRUE(file.has("matrix"));
  EXPECT_TRUE(file.has("mask"));
  EXPECT_FALSE(file.has("__metadata__"));
  EXPECT_FALSE(file.has("matri"));
}

TEST(SafetensorsFile, OrderIsThatOfTheData) {
  SafetensorsWriter writer = small_safetensors();
  writer.tensors[0].offsets = "[8,32]";
  writer.tensors[1].offsets = "[4,8]";
  writer.tensors[2].offsets = "[0,4]";
  const TemporaryFolder folder;
  const auto path = folder.write("model.safetensors", writer.bytes());
  const NamedTensors all = SafetensorsFile::open(path).tensors();
  ASSERT_EQ(all.tensors.size(), 2u);
  EXPECT_EQ(all.tensors[0].name, "row");
  EXPECT_EQ(all.tensors[1].name, "matrix");
}

TEST(SafetensorsFile, ScalarIsOneNumber) {
  SafetensorsWriter writer;
  writer.tensors = {{"scalar", R"("F32")", "[]", f32_data({7})}};
  const TemporaryFolder folder;
  const auto path = folder.write("model.safetensors", writer.bytes());
  const NamedTensors all = SafetensorsFile::open(path).tensors();
  ASSERT_EQ(all.tensors.size(), 1u);
  EXPECT_THAT(numbers(all.tensors[0]), ElementsAre(7));
}

std::vector<std::string> reasons(const NamedTensors& all) {
  std::vector<std::string> lines;
  for (const UnreadableTensor& tensor : all.unreadable) {
    lines.push_back(tensor.name + (tensor.empty ? " (empty): " : ": ") + tensor.why);
  }
  return lines;
}

TEST(SafetensorsFile, TensorsOfOtherTypesOrWithoutNumbersAreListedWithTheReason) {
  const std::string read = "; F32, F16 and BF16 can be read";
  SafetensorsWriter writer = small_safetensors();
  writer.tensors.push_back({"double", R"("F64")", "[1]", std::string(8, '\0')});
  writer.tensors.push_back({"complex", R"("C64")", "[1]", std::string(8, '\0')});
  writer.tensors.push_back({"half byte", R"("F4")", "[3,2]", std::string(3, '\0')});
  writer.tensors.push_back({"of no type", R"("")", "[]", ""});
  writer.tensors.push_back({"of no size", R"("F32")", "[3,0]", ""});
  writer.tensors.push_back({"of a long type", "\"" + std::string(5000, 'F') + "\"", "[]", "1"});
  const TemporaryFolder folder;
  const auto file = SafetensorsFile::open(folder.write("model.safetensors", writer.bytes()));
  const NamedTensors all = file.tensors();
  EXPECT_EQ(all.tensors.size(), 2u);
  EXPECT_THAT(
      reasons(all),
      ::testing::UnorderedElementsAre(
          "mask: its type is BOOL" + read, "double: its type is F64" + read,
          "complex: its type is C64" + read, "half byte: its type is F4" + read,
          "of no type (empty): its type is ''" + read, "of no size (empty): has a dimension of 0",
          "of a long type: its type is " + std::string(120, 'F') + read));
  EXPECT_EQ(all.parameter_count, 8);
  EXPECT_TRUE(file.has("double"));
  EXPECT_TRUE(file.has("of no size"));
}

TEST(SafetensorsFile, WithoutTensorsIsEmpty) {
  const TemporaryFolder folder;
  const auto path = folder.write("model.safetensors", SafetensorsWriter().bytes());
  EXPECT_TRUE(SafetensorsFile::open(path).tensors().tensors.empty());
}

// What the format allows, and what its first writers did.
TEST(SafetensorsFile, FloatsAreAlignedWhereverTheyLie) {
  for (const std::size_t alignment : {1u, 2u, 3u, 5u}) {
    SafetensorsWriter writer = small_safetensors();
    writer.alignment = alignment;
    const TemporaryFolder folder;
    const auto path = folder.write("model.safetensors", writer.bytes());
    const NamedTensors all = SafetensorsFile::open(path).tensors();
    ASSERT_EQ(all.tensors.size(), 2u);
    const auto address = reinterpret_cast<std::uintptr_t>(all.tensors[0].view.data);
    EXPECT_EQ(address % alignof(float), 0u) << "data at " << alignment;
    EXPECT_THAT(numbers(all.tensors[0]), ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_THAT(numbers(all.tensors[1]), ElementsAre(1, 2));
  }
}

TEST(SafetensorsFile, StorageKeepsTheNumbers) {
  for (const std::size_t alignment : {8u, 5u}) {
    SafetensorsWriter writer = small_safetensors();
    writer.alignment = alignment;
    NamedTensors all;
    {
      const TemporaryFolder folder;
      all = SafetensorsFile::open(folder.write("model.safetensors", writer.bytes())).tensors();
    }
    EXPECT_THAT(numbers(all.tensors.at(0)), ElementsAre(1, 2, 3, 4, 5, 6));
  }
}

TEST(SafetensorsFile, FileThatCannotBeOpenedIsAnError) {
  const TemporaryFolder folder;
  EXPECT_THAT([&] { SafetensorsFile::open(folder.path() / "none"); },
              ThrowsMessage<FileError>(HasSubstr("none: cannot be opened: ")));
  EXPECT_THAT([&] { SafetensorsFile::open(folder.path()); },
              ThrowsMessage<FileError>(HasSubstr("is not a regular file")));
  EXPECT_THAT([&] { SafetensorsFile::open(folder.write("empty", "")); },
              ThrowsMessage<FileError>(HasSubstr("the file is empty")));
}

}  // namespace
}  // namespace azimuth
