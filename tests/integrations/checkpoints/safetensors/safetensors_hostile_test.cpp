#include <gmock/gmock.h>

#include <functional>

#include "azimuth/safetensors_file.h"
#include "integrations/checkpoints/files/largest_allocation.h"
#include "integrations/checkpoints/safetensors/safetensors_writer.h"

namespace azimuth {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;
using namespace azimuth::testing;

struct HostileSafetensorsFile {
  const char* name;
  std::function<void(SafetensorsWriter&)> damage;  ///< of a small valid file
  std::string words;                               ///< that the error says behind the file's name
};

void PrintTo(const HostileSafetensorsFile& file, std::ostream* out) { *out << file.name; }

std::string nested_arrays(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') +
         std::string(static_cast<std::size_t>(depth), ']');
}

std::string nested_objects(int depth) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += R"({"a":)";
  return text + "1" + std::string(static_cast<std::size_t>(depth), '}');
}

const HostileSafetensorsFile kHostileFiles[] = {
    {"HeaderLengthBeyondTheFile", [](auto& f) { f.header_length = 4096; },
     "header: claims 4096 bytes, but only "},
    {"HeaderLength2To60", [](auto& f) { f.header_length = 1ull << 60; },
     "header: claims 1152921504606846976 bytes, but only "},
    {"HeaderLengthOverflows", [](auto& f) { f.header_length = ~0ull; },
     "header: claims 18446744073709551615 bytes, but only "},
    {"HeaderEmpty", [](auto& f) { f.header_length = 0; }, "header: parse error"},
    {"HeaderCut", [](auto& f) { f.header_length = 40; }, "header: parse error"},
    {"HeaderNoJson", [](auto& f) { f.header = "<html></html>"; }, "header: parse error"},
    {"HeaderIsAnArray", [](auto& f) { f.header = "[]"; }, "header: is not a JSON object"},
    {"HeaderIsANumber", [](auto& f) { f.header = "7"; }, "header: is not a JSON object"},
    {"HeaderIsNull", [](auto& f) { f.header = "null"; }, "header: is not a JSON object"},
    {"HeaderTwice", [](auto& f) { f.header = "{}{}"; }, "header: parse error"},
    {"NumberTooLarge", [](auto& f) { f.tensors[0].shape = "[1e999]"; }, "header: number overflow"},
    {"NotUtf8", [](auto& f) { f.tensors[0].name = "m\xff"; }, "header: parse error"},
    {"NameWithLineBreak", [](auto& f) { f.tensors[0].name = "a\nb"; }, "header: parse error"},
    {"ArraysTooDeep", [](auto& f) { f.metadata = nested_arrays(32); },
     "header: is nested more than 32 deep"},
    {"ObjectsTooDeep", [](auto& f) { f.metadata = nested_objects(32); },
     "header: is nested more than 32 deep"},
    {"ArraysTenThousandDeep", [](auto& f) { f.metadata = nested_arrays(10'000); },
     "header: is nested more than 32 deep"},
    {"ArraysNeverClosed", [](auto& f) { f.metadata = std::string(100'000, '['); },
     "header: is nested more than 32 deep"},

    {"TensorTwice", [](auto& f) { f.tensors[2].name = "matrix"; },
     "header: \"matrix\" appears twice"},
    {"TensorTwiceByEscape", [](auto& f) { f.tensors[2].name = "\\u006datrix"; },
     "header: \"matrix\" appears twice"},
    {"FieldTwice", [](auto& f) { f.tensors[0].dtype = R"("F32","dtype":"F16")"; },
     "header: \"dtype\" appears twice"},
    {"TensorIsANumber", [](auto& f) { f.header = R"({"a":1})"; },
     "tensor a: its description is not an object"},
    {"NoDtype", [](auto& f) { f.header = R"({"a":{"shape":[1],"data_offsets":[0,4]}})"; },
     "tensor a: its dtype is missing"},
    {"NoShape", [](auto& f) { f.header = R"({"a":{"dtype":"F32","data_offsets":[0,4]}})"; },
     "tensor a: its shape is missing"},
    {"NoOffsets", [](auto& f) { f.header = R"({"a":{"dtype":"F32","shape":[1]}})"; },
     "tensor a: its data_offsets is missing"},

    {"TypeUnknownBeyondTheFile",
     [](auto& f) {
       f.tensors[2].dtype = R"("F31")";
       f.tensors[2].offsets = "[28,36]";
     },
     "tensor row: its data end at byte 36, beyond the file's 32 bytes of data"},
    {"TypeUnknownOfAnOverflowingSize",
     [](auto& f) {
       f.tensors[0].dtype = R"("F31")";
       f.tensors[0].shape = "[4294967296,4294967296]";
     },
     "tensor matrix: its size overflows"},
    {"TypeIsANumber", [](auto& f) { f.tensors[0].dtype = "0"; },
     "tensor matrix: its dtype is not a string"},

    {"ShapeIsANumber", [](auto& f) { f.tensors[0].shape = "6"; },
     "tensor matrix: its shape is not an array"},
    {"ShapeIsNull", [](auto& f) { f.tensors[0].shape = "null"; },
     "tensor matrix: its shape is not an array"},
    {"DimNegative", [](auto& f) { f.tensors[0].shape = "[-2,-3]"; },
     "tensor matrix: its shape holds something other than integers from 0"},
    {"DimIsAFloat", [](auto& f) { f.tensors[0].shape = "[2.0,3]"; },
     "tensor matrix: its shape holds something other than integers from 0"},
    {"DimIsAString", [](auto& f) { f.tensors[0].shape = R"(["2",3])"; },
     "tensor matrix: its shape holds something other than integers from 0"},
    {"DimAbove2To63", [](auto& f) { f.tensors[0].shape = "[9223372036854775808]"; },
     "tensor matrix: its shape holds something other than integers from 0"},
    {"DimAbove2To64", [](auto& f) { f.tensors[0].shape = "[18446744073709551622]"; },
     "tensor matrix: its shape holds something other than integers from 0"},
    {"DimZero", [](auto& f) { f.tensors[0].shape = "[2,0]"; },
     "tensor matrix: its shape takes 0 bytes, but its data have 24"},
    {"ShapeOverflows", [](auto& f) { f.tensors[0].shape = "[4294967296,4294967296]"; },
     "tensor matrix: its size overflows"},
    {"BytesOverflow", [](auto& f) { f.tensors[0].shape = "[9223372036854775807]"; },
     "tensor matrix: its size overflows"},
    {"ShapeOverflowsToTheRightSize", [](auto& f) { f.tensors[0].shape = "[4611686018427387910]"; },
     "tensor matrix: its size overflows"},
    {"ShapeTooSmall", [](auto& f) { f.tensors[0].shape = "[2,2]"; },
     "tensor matrix: its shape takes 16 bytes, but its data have 24"},
    {"ShapeTooLarge", [](auto& f) { f.tensors[0].shape = "[2,3,2]"; },
     "tensor matrix: its shape takes 48 bytes, but its data have 24"},
    {"IntegersOfTheWrongSize", [](auto& f) { f.tensors[1].shape = "[3]"; },
     "tensor mask: its shape takes 3 bytes, but its data have 4"},

    {"OffsetsAreANumber", [](auto& f) { f.tensors[0].offsets = "0"; },
     "tensor matrix: its data_offsets are not two integers from 0"},
    {"OneOffset", [](auto& f) { f.tensors[0].offsets = "[0]"; },
     "tensor matrix: its data_offsets are not two integers from 0"},
    {"ThreeOffsets", [](auto& f) { f.tensors[0].offsets = "[0,24,24]"; },
     "tensor matrix: its data_offsets are not two integers from 0"},
    {"OffsetNegative", [](auto& f) { f.tensors[0].offsets = "[-24,0]"; },
     "tensor matrix: its data_offsets are not two integers from 0"},
    {"OffsetIsAFloat", [](auto& f) { f.tensors[0].offsets = "[0,24.0]"; },
     "tensor matrix: its data_offsets are not two integers from 0"},
    {"OffsetAbove2To63", [](auto& f) { f.tensors[0].offsets = "[0,18446744073709551615]"; },
     "tensor matrix: its data_offsets are not two integers from 0"},
    {"OffsetsReversed", [](auto& f) { f.tensors[0].offsets = "[24,0]"; },
     "tensor matrix: its data begin at byte 24 and end at byte 0"},
    {"DataBeyondTheFile", [](auto& f) { f.tensors[2].offsets = "[30,34]"; },
     "tensor row: its data end at byte 34, beyond the file's 32 bytes of data"},
    {"DataFarBeyondTheFile",
     [](auto& f) { f.tensors[2].offsets = "[9223372036854775803,9223372036854775807]"; },
     "tensor row: its data end at byte 9223372036854775807, beyond the file's 32 bytes of data"},
    {"DataOverlap", [](auto& f) { f.tensors[2].offsets = "[24,28]"; },
     "tensor row: its data overlap those of tensor mask"},
    {"DataOverlapPartly", [](auto& f) { f.tensors[2].offsets = "[26,30]"; },
     "tensor row: its data overlap those of tensor mask"},
    {"HoleBeforeTheFirst",
     [](auto& f) {
       f.tensors.erase(f.tensors.begin() + 1, f.tensors.end());
       f.tensors[0].offsets = "[4,28]";
       f.tail = std::string(4, '\0');
     },
     "tensor matrix: its data begin at byte 4; no tensor has the bytes from 0"},
    {"HoleBetween",
     [](auto& f) {
       f.tensors[2].offsets = "[30,34]";
       f.tail = std::string(2, '\0');
     },
     "tensor row: its data begin at byte 30; no tensor has the bytes from 28"},
    {"BytesBehindTheLast", [](auto& f) { f.tail = "!"; },
     "header: the tensors have 32 bytes of data, but the file has 33"},
};

class HostileSafetensors : public ::testing::TestWithParam<HostileSafetensorsFile> {};

TEST_P(HostileSafetensors, IsOneClearErrorInLittleMemory) {
  SafetensorsWriter writer = small_safetensors();
  GetParam().damage(writer);
  const TemporaryFolder folder;
  const auto file = folder.write("model.safetensors", writer.bytes());
  largest_allocation = 0;
  EXPECT_THAT([&] { SafetensorsFile::open(file); },
              ThrowsMessage<FileError>(StartsWith(file.string() + ": ")));
  EXPECT_LT(largest_allocation, 1u << 16);
  EXPECT_THAT([&] { SafetensorsFile::open(file); },
              ThrowsMessage<FileError>(HasSubstr(".safetensors: " + GetParam().words)));
}

INSTANTIATE_TEST_SUITE_P(All, HostileSafetensors, ::testing::ValuesIn(kHostileFiles),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(HostileSafetensorsFile, IsRefusedWhereverItIsCut) {
  const std::string bytes = small_safetensors().bytes();
  const TemporaryFolder folder;
  EXPECT_NO_THROW(SafetensorsFile::open(folder.write("whole", bytes)));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(SafetensorsFile::open(folder.write("cut", bytes.substr(0, size))), FileError)
        << "cut at byte " << size;
  }
}

// Whatever a byte is changed to, a file is refused or all that it offers can be read.
TEST(HostileSafetensorsFile, SurvivesAnyByteChanged) {
  const std::string bytes = small_safetensors().bytes();
  const TemporaryFolder folder;
  int opened = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int change : {0x01, 0x20, 0x80, 0xff}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ change);
      try {
        const auto file = SafetensorsFile::open(folder.write("changed", changed));
        ++opened;
        for (const NamedTensor& tensor : file.tensors().tensors) {
          std::vector<float> numbers(static_cast<std::size_t>(tensor.view.size()));
          unpack(tensor.view, 0, tensor.view.rows(), numbers.data());
        }
      } catch (const FileError&) {
      }
    }
  }
  EXPECT_GT(opened, 0) << "bytes of the data may have any value";
}

TEST(HostileSafetensorsFile, HeaderOfTooManyValuesIsRefused) {
  SafetensorsWriter writer;
  writer.metadata = "[";
  for (int i = 0; i < 2'000'000; ++i) writer.metadata += "0,";
  writer.metadata += "0]";
  const TemporaryFolder folder;
  EXPECT_THAT([&] { SafetensorsFile::open(folder.write("many", writer.bytes())); },
              ThrowsMessage<FileError>(
                  HasSubstr("header: holds more than the 2000000 values that are read")));
}

// In time and memory that grow with their number, not with its square: the test would not end.
TEST(HostileSafetensorsFile, HundredThousandTensorsAreRead) {
  SafetensorsWriter writer;
  for (int i = 0; i < 100'000; ++i) {
    writer.tensors.push_back({"t" + std::to_string(i), R"("F32")", "[1]", raw(1.f)});
  }
  const TemporaryFolder folder;
  const std::string bytes = writer.bytes();
  largest_allocation = 0;
  const auto file = SafetensorsFile::open(folder.write("many", bytes));
  EXPECT_LT(largest_allocation, 4 * bytes.size());
  EXPECT_EQ(file.tensors().parameter_count, 100'000);
}

TEST(HostileSafetensorsFile, HeaderOfTooManyBytesIsRefused) {
  SafetensorsWriter writer;
  writer.header = std::string((32 << 20) + 8, ' ');
  const TemporaryFolder folder;
  EXPECT_THAT(
      [&] { SafetensorsFile::open(folder.write("long", writer.bytes())); },
      ThrowsMessage<FileError>(HasSubstr("header: claims 33554440 bytes; at most 33554432")));
}

}  // namespace
}  // namespace azimuth
