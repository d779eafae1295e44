#include <gmock/gmock.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <random>

#include "azimuth/gguf_model.h"
#include "integrations/checkpoints/files/largest_allocation.h"
#include "integrations/checkpoints/gguf/gguf_writer.h"

namespace azimuth {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using namespace azimuth::testing;

struct HostileFile {
  const char* name;
  std::function<void(GgufWriter&)> damage;  ///< of a small valid file
  std::string words;                        ///< that the error says behind the file's name
};

void PrintTo(const HostileFile& file, std::ostream* out) { *out << file.name; }

std::string nested_arrays(int depth) {
  std::string value = raw<std::uint32_t>(9);
  for (int i = 1; i < depth; ++i) value += raw<std::uint32_t>(9) + raw<std::uint64_t>(1);
  return value + raw<std::uint32_t>(4) + raw<std::uint64_t>(0);
}

constexpr std::uint64_t k60 = 1ull << 60;

const HostileFile kHostileFiles[] = {
    {"WrongMagic", [](auto& f) { f.magic = "GGML"; }, "header: does not begin with \"GGUF\""},
    {"Version1", [](auto& f) { f.version = 1; }, "header: version is 1; 2 and 3 can be read"},
    {"Version4", [](auto& f) { f.version = 4; }, "header: version is 4"},
    {"BigEndian", [](auto& f) { f.version = 0x03000000; }, "header: is big-endian"},
    {"TenMillionTensors", [](auto& f) { f.tensor_count = 10'000'000; },
     "header: claims 10000000 tensors; at most 100000"},
    {"TensorCountOverflows", [](auto& f) { f.tensor_count = ~0ull; },
     "header: claims 18446744073709551615 tensors"},
    {"TenMillionKeys", [](auto& f) { f.key_count = 10'000'000; },
     "header: claims 10000000 metadata keys"},
    {"MoreTensorsThanThere", [](auto& f) { f.tensor_count = 100'000; }, "tensor number 3"},
    {"MoreKeysThanThere", [](auto& f) { f.key_count = 100'000; }, "key "},

    {"KeyIsEmpty", [](auto& f) { f.keys[1].first = ""; }, "key number 2: its name is empty"},
    {"KeyTooLong", [](auto& f) { f.keys[1].first = std::string(65'536, 'k'); },
     "key number 2: its name has 65536 bytes"},
    {"KeyNotUtf8", [](auto& f) { f.keys[1].first = "k\xff"; }, "key k\\xff: its name is not UTF-8"},
    {"KeyTwice", [](auto& f) { f.keys[1].first = f.keys[0].first; },
     "key general.architecture: appears twice"},
    {"ValueOfUnknownType", [](auto& f) { f.keys[1].second = raw(13u) + raw(0u); },
     "key a.number: there is no type 13"},
    {"StringLength2To60", [](auto& f) { f.keys[1].second = raw(8u) + raw(k60); },
     "key a.number: the file ends at byte"},
    {"StringLengthOverflows", [](auto& f) { f.keys[1].second = raw(8u) + raw(~0ull); },
     "key a.number: the file ends at byte"},
    {"ArrayCount2To60", [](auto& f) { f.keys[1].second = array(4, k60, ""); },
     "key a.number: the file ends at byte"},
    {"ArraySizeOverflows", [](auto& f) { f.keys[1].second = array(10, k60 * 2, ""); },
     "key a.number: the file ends at byte"},
    {"ArrayOfStringsCount2To60", [](auto& f) { f.keys[1].second = array(8, k60, ""); },
     "key a.number: the file ends at byte"},
    {"ArrayOfArraysCount2To60", [](auto& f) { f.keys[1].second = array(9, k60, ""); },
     "key a.number: "},
    {"ArrayOfUnknownType", [](auto& f) { f.keys[1].second = array(99, 0, ""); },
     "key a.number: there is no type 99"},
    {"ArraysTooDeep", [](auto& f) { f.keys[1].second = nested_arrays(5); },
     "key a.number: arrays are nested more than 4 deep"},
    {"ArraysTenThousandDeep", [](auto& f) { f.keys[1].second = nested_arrays(10'000); },
     "key a.number: arrays are nested more than 4 deep"},

    {"AlignmentZero",
     [](auto& f) {
       f.keys[1] = {"general.alignment", u32(0)};
     },
     "key general.alignment: is 0, not a power of two from 8"},
    {"AlignmentNoPowerOfTwo",
     [](auto& f) {
       f.keys[1] = {"general.alignment", u32(24)};
     },
     "key general.alignment: is 24, not a power of two"},
    {"AlignmentTooSmall",
     [](auto& f) {
       f.keys[1] = {"general.alignment", u32(4)};
     },
     "key general.alignment: is 4, not a power of two from 8"},
    {"AlignmentBeyondTheFile",
     [](auto& f) {
       f.keys[1] = {"general.alignment", u32(1u << 31)};
     },
     "tensor matrix: its 24 bytes at offset 0 lie beyond the file's 0 bytes of data"},
    {"AlignmentIsAString",
     [](auto& f) {
       f.keys[1] = {"general.alignment", text("32")};
     },
     "key general.alignment: is not an unsigned 32-bit integer"},
    {"AlignmentIsAnArray",
     [](auto& f) {
       f.keys[1] = {"general.alignment", array(4, 1, raw(32u))};
     },
     "key general.alignment: is not an unsigned 32-bit integer"},

    {"TensorNameEmpty", [](auto& f) { f.tensors[1].name = ""; },
     "tensor number 2: its name is empty"},
    {"TensorNameTooLong", [](auto& f) { f.tensors[1].name = std::string(65, 't'); },
     "tensor number 2: its name has 65 bytes; at most 64"},
    {"TensorNameNotUtf8", [](auto& f) { f.tensors[1].name = "\xed\xa0\x80"; },
     "tensor \\xed\\xa0\\x80: its name is not UTF-8"},
    {"TensorNameNotUtf8WithLineBreak", [](auto& f) { f.tensors[0].name = "m\xff\n"; },
     "tensor m\\xff\\x0a: its name is not UTF-8"},
    {"TensorNameWithLineBreak",
     [](auto& f) {
       f.tensors[1] = {"a\nb", {}, 0, ""};
     },
     "tensor a\\x0ab: has 0 dimensions"},
    {"TensorTwice", [](auto& f) { f.tensors[1].name = "matrix"; }, "tensor matrix: appears twice"},
    {"NoDims", [](auto& f) { f.tensors[1].dims = {}; }, "tensor row: has 0 dimensions"},
    {"FiveDims",
     [](auto& f) {
       f.tensors[1].dims = {32, 1, 1, 1, 1};
     },
     "tensor row: has 5 dimensions; 1 to 4"},
    {"DimNegative", [](auto& f) { f.tensors[1].dims = {~0ull - 31}; },
     "tensor row: its size overflows"},
    {"DimsOverflow",
     [](auto& f) {
       f.tensors[1].dims = {1ull << 32, 1ull << 32};
     },
     "tensor row: its size overflows"},
    {"DimsOverflowToASmallNumber",
     [](auto& f) {
       f.tensors[0].dims = {(1ull << 63) + 3, 2};
     },
     "tensor matrix: its size overflows"},
    {"BytesOverflow", [](auto& f) { f.tensors[0].dims = {1ull << 62}; },
     "tensor matrix: its size overflows"},
    {"RowIsNoWholeBlock",
     [](auto& f) {
       f.tensors[1].dims = {16, 2};
     },
     "tensor row: its rows of 16 numbers are not whole blocks of 32"},
    {"RowIsNoWholeBlockOf256",
     [](auto& f) {
       f.tensors[1].type = 14;
       f.tensors[1].dims = {320, 2};
     },
     "tensor row: its rows of 320 numbers are not whole blocks of 256"},
    {"RowOfAnotherBlock", [](auto& f) { f.tensors[1].type = 12; },
     "tensor row: its rows of 32 numbers are not whole blocks of 256"},
    {"BlocksOverflow",
     [](auto& f) {
       f.tensors[1].type = 1;
       f.tensors[1].dims = {1ull << 62};
     },
     "tensor row: its size overflows"},
    {"BlockBeyondTheFile",
     [](auto& f) {
       f.tensors[1].type = 10;
       f.tensors[1].dims = {256};
     },
     "tensor row: its 84 bytes at offset 32 lie beyond the file's 66 bytes of data"},
    {"OffsetUnaligned", [](auto& f) { f.tensors[1].offset = 40; },
     "tensor row: its offset 40 is not a multiple of the alignment 32"},
    {"OffsetBeyondTheFile", [](auto& f) { f.tensors[1].offset = 4096; },
     "tensor row: its 34 bytes at offset 4096 lie beyond"},
    {"OffsetOverflows", [](auto& f) { f.tensors[1].offset = ~0ull - 31; },
     "tensor row: its 34 bytes at offset 18446744073709551584 lie beyond"},
    {"DataBeyondTheFile",
     [](auto& f) {
       f.tensors[1].dims = {32, 2};
     },
     "tensor row: its 68 bytes at offset 32 lie beyond the file's 66 bytes of data"},
    {"DataOverlap", [](auto& f) { f.tensors[0].offset = 32; },
     "tensor row: its data overlap those of tensor matrix"},
    {"DataOverlapPartly",
     [](auto& f) {
       f.tensors[0].dims = {3, 4};
     },
     "tensor row: its data overlap those of tensor matrix"},
};

class Hostile : public ::testing::TestWithParam<HostileFile> {};

TEST_P(Hostile, IsOneClearErrorInLittleMemory) {
  GgufWriter writer = small_file();
  GetParam().damage(writer);
  const TemporaryFile file(writer.bytes());
  largest_allocation = 0;
  EXPECT_THAT([&] { GgufFile::open(file.path()); },
              ThrowsMessage<FileError>(HasSubstr(file.path().string() + ": ")));
  EXPECT_LT(largest_allocation, 1u << 16);
  EXPECT_THAT([&] { GgufFile::open(file.path()); },
              ThrowsMessage<FileError>(HasSubstr(".gguf: " + GetParam().words)));
}

INSTANTIATE_TEST_SUITE_P(Gguf, Hostile, ::testing::ValuesIn(kHostileFiles),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(HostileGguf, IsRefusedWhereverItIsCut) {
  const std::string bytes = small_file().bytes();
  TemporaryFile file(bytes);
  EXPECT_NO_THROW(GgufFile::open(file.path()));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    file.write(std::string_view(bytes).substr(0, size));
    EXPECT_THROW(GgufFile::open(file.path()), FileError) << "cut at byte " << size;
  }
}

// Whatever a byte is changed to, a file is refused or all that it offers can be read.
TEST(HostileGguf, SurvivesAnyByteChanged) {
  const std::string bytes = small_file().bytes();
  TemporaryFile file(bytes);
  int opened = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int change : {0x01, 0x20, 0x80, 0xff}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ change);
      file.write(changed);
      try {
        const GgufFile gguf = GgufFile::open(file.path());
        ++opened;
        for (const NamedTensor& tensor : gguf.tensors().tensors) {
          std::vector<float> numbers(static_cast<std::size_t>(tensor.view.size()));
          unpack(tensor.view, 0, tensor.view.rows(), numbers.data());
        }
      } catch (const FileError&) {
      }
    }
  }
  EXPECT_GT(opened, 0) << "bytes of the data may have any value";
}

std::string converted(const char* name) {
  std::ifstream stream(std::string(AZIMUTH_TEST_DATA "/gguf/") + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(HostileGguf, AConvertedModelIsRefusedAtEachPercentThatIsCut) {
  const std::string bytes = converted("mixtral.gguf");
  TemporaryFile file(bytes);
  EXPECT_NO_THROW(load_gguf(file.path()));
  for (std::size_t percent = 0; percent < 100; ++percent) {
    file.write(std::string_view(bytes).substr(0, bytes.size() * percent / 100));
    EXPECT_THROW(load_gguf(file.path()), FileError) << percent << "%";
  }
}

// As above, with models: whatever is said of them in the header, they are refused or can be used.
TEST(HostileGguf, AConvertedModelSurvivesAnyByteOfItsHeaderChanged) {
  std::minstd_rand random(1);
  int opened = 0;
  int refused = 0;
  for (const char* name : {"falcon_40b.gguf", "mixtral.gguf", "phi3.gguf"}) {
    const std::string bytes = converted(name);
    TemporaryFile file(bytes);
    const std::size_t data =
        bytes.find("output_norm.weight");  // among the last names of the header
    ASSERT_NE(data, std::string::npos);
    for (int i = 0; i < 250; ++i) {
      std::string changed = bytes;
      changed[random() % data] ^= static_cast<char>(1 << random() % 8);
      file.write(changed);
      try {
        const ModelWeights weights = load_gguf(file.path());
        EXPECT_FALSE(weights.digest().empty());
        weights.embed(weights.architecture().special_token_ids);
        ++opened;
      } catch (const FileError&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(opened, 50) << "as by a byte of a token's name";
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace azimuth
