#include "azimuth/gguf_file.h"

#include <gmock/gmock.h>

#include <limits>

#include "integrations/checkpoints/gguf/gguf_writer.h"

namespace azimuth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using namespace azimuth::testing;

std::vector<float> numbers_of(const TensorView& view) {
  std::vector<float> numbers(static_cast<std::size_t>(view.size()));
  unpack(view, 0, view.rows(), numbers.data());
  return numbers;
}

TEST(GgufFile, ReadsTensorsOutermostDimensionFirst) {
  for (const std::uint32_t version : {2u, 3u}) {
    GgufWriter writer = small_file();
    writer.version = version;
    writer.tensors.push_back({"cube", {1, 3, 2}, 0, writer.tensors[0].data});
    const TemporaryFile file(writer.bytes());
    const NamedTensors tensors = GgufFile::open(file.path()).tensors();
    ASSERT_EQ(tensors.tensors.size(), 3u);
    EXPECT_EQ(tensors.parameter_count, 6 + 32 + 6);
    const NamedTensor& matrix = tensors.tensors[0];
    EXPECT_EQ(matrix.name, "matrix");
    EXPECT_EQ(matrix.view.type, StoredType::f32);
    EXPECT_THAT(matrix.view.shape, ElementsAre(2, 3));
    EXPECT_THAT(numbers_of(matrix.view), ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_EQ(tensors.tensors[1].view.type, StoredType::q8_0);
    EXPECT_THAT(tensors.tensors[2].view.shape, ElementsAre(2, 3, 1));
    EXPECT_THAT(numbers_of(tensors.tensors[2].view), ElementsAre(1, 2, 3, 4, 5, 6));
  }
}

TEST(GgufFile, StorageOutlivesFileAndObject) {
  NamedTensors tensors;
  {
    const TemporaryFile file(small_file().bytes());
    tensors = GgufFile::open(file.path()).tensors();
  }
  EXPECT_THAT(numbers_of(tensors.tensors[0].view), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(GgufFile, HonoursTheAlignmentThatTheFileStates) {
  GgufWriter writer = small_file();
  writer.alignment = 128;
  writer.keys.push_back({"general.alignment", u32(128)});
  const TemporaryFile file(writer.bytes());
  const NamedTensors tensors = GgufFile::open(file.path()).tensors();
  EXPECT_EQ(tensors.tensors[1].view.data - tensors.tensors[0].view.data, 128);
  EXPECT_THAT(numbers_of(tensors.tensors[0].view), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(GgufFile, AFileWithoutTensorsIsValid) {
  GgufWriter writer = small_file();
  writer.tensors.clear();
  const TemporaryFile file(writer.bytes());
  EXPECT_TRUE(GgufFile::open(file.path()).tensors().tensors.empty());
}

// They are an error only where they play a role, which a file does not know.
TEST(GgufFile, NamesTensorsThatCannotBeReadAndGoesOn) {
  GgufWriter writer = small_file();
  const auto add = [&](const char* name, std::uint32_t type, std::uint64_t columns) {
    writer.tensors.push_back({name, {columns}, type, "", ~0ull});
  };
  add("known", 41, 128);
  add("withdrawn", 4, 32);
  add("unknown", ~0u, 7);
  add("ids", 27, 5);
  add("numbers", 28, 5);
  add("placeholder", 0, 0);
  const TemporaryFile file(writer.bytes());
  const NamedTensors tensors = GgufFile::open(file.path()).tensors();
  ASSERT_EQ(tensors.tensors.size(), 2u);
  EXPECT_THAT(numbers_of(tensors.tensors[0].view), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(tensors.parameter_count, 6 + 32);
  ASSERT_EQ(tensors.unreadable.size(), 6u);
  EXPECT_EQ(tensors.unreadable[0].why,
            "its type is Q1_0; types that can be read are F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, "
            "Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ2_XXS, IQ2_XS, IQ3_XXS, IQ1_S, IQ4_NL, IQ3_S, IQ2_S, "
            "IQ4_XS, IQ1_M, BF16, TQ1_0, TQ2_0, MXFP4, NVFP4");
  EXPECT_THAT(tensors.unreadable[1].why, HasSubstr("its type is number 4;"));
  EXPECT_THAT(tensors.unreadable[2].why, HasSubstr("its type is number 4294967295;"));
  EXPECT_TRUE(tensors.unreadable[3].counts);
  EXPECT_FALSE(tensors.unreadable[4].counts);
  EXPECT_THAT(tensors.unreadable[4].why, HasSubstr("its type is F64;"));
  EXPECT_TRUE(tensors.unreadable[5].empty);
  EXPECT_EQ(tensors.unreadable[5].why, "has a dimension of 0");
}

class Metadata : public ::testing::Test {
 protected:
  static std::string bytes() {
    GgufWriter writer;
    writer.keys = {
        {"u8", raw<std::uint32_t>(0) + raw<std::uint8_t>(200)},
        {"i8", raw<std::uint32_t>(1) + raw<std::int8_t>(-100)},
        {"u16", raw<std::uint32_t>(2) + raw<std::uint16_t>(60'000)},
        {"i16", raw<std::uint32_t>(3) + raw<std::int16_t>(-30'000)},
        {"u32", u32(4'000'000'000)},
        {"i32", raw<std::uint32_t>(5) + raw<std::int32_t>(-2'000'000'000)},
        {"f32", f32(0.5f)},
        {"boolean", raw<std::uint32_t>(7) + raw<std::uint8_t>(1)},
        {"string", text("r\xc3\xa9sum\xc3\xa9")},
        {"u64", raw<std::uint32_t>(10) + raw<std::uint64_t>(1ull << 62)},
        {"i64", raw<std::uint32_t>(11) + raw<std::int64_t>(-5)},
        {"f64", raw<std::uint32_t>(12) + raw(0.1)},
        {"huge", raw<std::uint32_t>(10) + raw(std::numeric_limits<std::uint64_t>::max())},
        {"integers", array(5, 3, raw(1) + raw(-2) + raw(3))},
        {"reals", array(6, 2, raw(1.5f) + raw(-2.5f))},
        {"strings", array(8, 2, raw_string("one") + raw_string(""))},
        {"empty", array(4, 0, "")},
        {"nested", array(9, 1, raw<std::uint32_t>(8) + raw<std::uint64_t>(1) + raw_string("x"))},
        {"last", u32(1)},
    };
    return writer.bytes();
  }

  const TemporaryFile temporary_{bytes()};
  const GgufFile file_ = GgufFile::open(temporary_.path());
};

TEST_F(Metadata, HasAValueOfEachType) {
  EXPECT_EQ(file_.integer("u8"), 200);
  EXPECT_EQ(file_.integer("i8"), -100);
  EXPECT_EQ(file_.integer("u16"), 60'000);
  EXPECT_EQ(file_.integer("i16"), -30'000);
  EXPECT_EQ(file_.integer("u32"), 4'000'000'000);
  EXPECT_EQ(file_.integer("i32"), -2'000'000'000);
  EXPECT_EQ(file_.integer("u64"), std::int64_t{1} << 62);
  EXPECT_EQ(file_.integer("i64"), -5);
  EXPECT_EQ(file_.real("f32"), 0.5);
  EXPECT_EQ(file_.real("f64"), 0.1);
  EXPECT_TRUE(file_.flag("boolean"));
  EXPECT_EQ(file_.string("string"), "r\xc3\xa9sum\xc3\xa9");
  EXPECT_THAT(file_.integers("integers"), ElementsAre(1, -2, 3));
  EXPECT_THAT(file_.integers("empty"), ElementsAre());
  EXPECT_THAT(file_.reals("reals"), ElementsAre(1.5, -2.5));
  EXPECT_THAT(file_.strings("strings"), ElementsAre("one", ""));
  EXPECT_EQ(file_.length("strings"), 2);
  EXPECT_EQ(file_.integer("last"), 1) << "after the nested array";
}

TEST_F(Metadata, HasKeysInTheOrderOfTheFile) {
  EXPECT_EQ(file_.keys().size(), 19u);
  EXPECT_EQ(file_.keys().front(), "u8");
  EXPECT_EQ(file_.keys().back(), "last");
  EXPECT_TRUE(file_.has("u8"));
  EXPECT_FALSE(file_.has("u9"));
}

TEST_F(Metadata, NamesTheKeyThatIsMissingOrOfAnotherType) {
  const auto error = [&](const std::string& words) {
    return ThrowsMessage<FileError>(temporary_.path().string() + ": key " + words);
  };
  EXPECT_THAT([&] { file_.integer("absent"); }, error("absent: is missing"));
  EXPECT_THAT([&] { file_.integer("f32"); }, error("f32: is not an integer"));
  EXPECT_THAT([&] { file_.integer("boolean"); }, error("boolean: is not an integer"));
  EXPECT_THAT([&] { file_.integer("string"); }, error("string: is not an integer"));
  EXPECT_THAT([&] { file_.integer("integers"); }, error("integers: is an array"));
  EXPECT_THAT([&] { file_.integer("huge"); }, error("huge: does not fit a signed 64-bit integer"));
  EXPECT_THAT([&] { file_.real("u32"); }, error("u32: is not a floating-point number"));
  EXPECT_THAT([&] { file_.flag("u8"); }, error("u8: is neither true nor false"));
  EXPECT_THAT([&] { file_.string("u32"); }, error("u32: is not a string"));
  EXPECT_THAT([&] { file_.strings("string"); }, error("string: is not an array"));
  EXPECT_THAT([&] { file_.length("string"); }, error("string: is not an array"));
  EXPECT_THAT([&] { file_.length("absent"); }, error("absent: is missing"));
  EXPECT_THAT([&] { file_.strings("integers"); }, error("integers: is not a string"));
  EXPECT_THAT([&] { file_.integers("nested"); }, error("nested: is not an integer"));
}

TEST(GgufFile, RefusesWhatIsNoRegularFile) {
  const auto opening = [](const std::string& path) { return [path] { GgufFile::open(path); }; };
  EXPECT_THAT(
      opening("/nowhere/at/all.gguf"),
      ThrowsMessage<FileError>(HasSubstr("/nowhere/at/all.gguf: cannot be opened: No such")));
  EXPECT_THAT(opening(::testing::TempDir()),
              ThrowsMessage<FileError>(HasSubstr("is not a regular file")));
  EXPECT_THAT(opening("/dev/null"), ThrowsMessage<FileError>(HasSubstr("is not a regular file")));
  const TemporaryFile empty("");
  EXPECT_THAT(opening(empty.path()), ThrowsMessage<FileError>(HasSubstr("the file is empty")));
}

}  // namespace
}  // namespace azimuth
