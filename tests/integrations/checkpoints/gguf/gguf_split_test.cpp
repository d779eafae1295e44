#include <gmock/gmock.h>

#include <functional>
#include <ostream>

#include "azimuth/gguf_model.h"
#include "integrations/checkpoints/files/largest_allocation.h"
#include "integrations/checkpoints/gguf/gguf_writer.h"
#include "support/temporary_folder.h"

namespace azimuth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using namespace azimuth::testing;

std::string u16(std::uint16_t value) { return raw<std::uint32_t>(2) + raw(value); }
std::string i32(std::int32_t value) { return raw<std::uint32_t>(5) + raw(value); }

std::string name_of_part(int number) {
  return "model-0000" + std::to_string(number + 1) + "-of-00003.gguf";
}

// Three parts with a tensor each; the first also has what small_file() has.
std::vector<GgufWriter> parts() {
  std::vector<GgufWriter> parts(3);
  parts[0] = small_file();
  for (std::uint16_t i = 0; i < 3; ++i) {
    parts[i].keys.emplace_back("split.no", u16(i));
    parts[i].keys.emplace_back("split.count", u16(3));
    parts[i].keys.emplace_back("split.tensors.count", i32(5));
    parts[i].tensors.push_back({"tensor." + std::to_string(i), {1}, 0, raw<float>(i)});
  }
  return parts;
}

void replace(GgufWriter& part, const std::string& key, const std::string& value) {
  for (auto& [known, old] : part.keys) {
    if (known == key) old = value;
  }
}

class SplitGguf : public ::testing::Test {
 protected:
  void write(const std::vector<GgufWriter>& parts) const {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      folder_.write(name_of_part(static_cast<int>(i)), parts[i].bytes());
    }
  }

  std::filesystem::path file(int part) const { return folder_.path() / name_of_part(part); }

  const TemporaryFolder folder_;
};

TEST_F(SplitGguf, IsOneModelWhicheverPartIsOpened) {
  write(parts());
  for (int opened = 0; opened < 3; ++opened) {
    const GgufFile gguf = GgufFile::open(file(opened));
    EXPECT_EQ(gguf.path(), file(0));
    EXPECT_EQ(gguf.string("general.architecture"), "llama");
    std::vector<std::string> names;
    const NamedTensors tensors = gguf.tensors();
    for (const NamedTensor& tensor : tensors.tensors) names.push_back(tensor.name);
    EXPECT_THAT(names, ::testing::ElementsAre("matrix", "row", "tensor.0", "tensor.1", "tensor.2"));
    EXPECT_EQ(tensors.parameter_count, 6 + 32 + 3);
    float last = 0;
    unpack(tensors.tensors.back().view, 0, 1, &last);
    EXPECT_EQ(last, 2);
  }
}

TEST_F(SplitGguf, OpenedFromItsOwnFolder) {
  write(parts());
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder_.path());
  const std::size_t tensors = GgufFile::open(name_of_part(1)).tensors().tensors.size();
  std::filesystem::current_path(before);
  EXPECT_EQ(tensors, 5u);
}

TEST_F(SplitGguf, OnePartNeedsNoName) {
  GgufWriter whole = small_file();
  whole.keys.emplace_back("split.count", u16(1));
  folder_.write("any.gguf", whole.bytes());
  EXPECT_EQ(GgufFile::open(folder_.path() / "any.gguf").tensors().tensors.size(), 2u);
}

TEST_F(SplitGguf, NamesThePartThatIsMissing) {
  write(parts());
  std::filesystem::remove(file(1));
  for (const int opened : {0, 2}) {
    EXPECT_THAT([&] { GgufFile::open(file(opened)); },
                ThrowsMessage<FileError>(HasSubstr(file(1).string() + ": cannot be opened")));
  }
}

TEST_F(SplitGguf, NamesThePartThatIsDamaged) {
  std::vector<GgufWriter> damaged = parts();
  damaged[2].version = 9;
  write(damaged);
  EXPECT_THAT([&] { GgufFile::open(file(0)); },
              ThrowsMessage<FileError>(HasSubstr(file(2).string() + ": header: version is 9")));
}

TEST_F(SplitGguf, ARenamedPartIsRefused) {
  write(parts());
  for (const char* name : {"part.gguf", "model-00002-of-00003.bin", "model-00003-of-00002.gguf",
                           "model-00001-of-00004.gguf", "model-1-of-3.gguf"}) {
    std::filesystem::copy_file(file(0), folder_.path() / name);
    EXPECT_THAT([&] { GgufFile::open(folder_.path() / name); },
                ThrowsMessage<FileError>(
                    AllOf(HasSubstr(std::string(name) + ": key split.no: is 0 (from 0) of 3"),
                          HasSubstr("not what the file's name ends in"))));
  }
}

struct HostileSplit {
  const char* name;
  std::function<void(std::vector<GgufWriter>&)> damage;
  int part;           ///< that the error names
  const char* words;  ///< behind its name
};

void PrintTo(const HostileSplit& split, std::ostream* out) { *out << split.name; }

const HostileSplit kHostileSplits[] = {
    {"CountNegative", [](auto& p) { replace(p[0], "split.count", i32(-3)); }, 0,
     "key split.count: is -3; 0 to 65535 are allowed"},
    {"CountHuge", [](auto& p) { replace(p[0], "split.count", u32(~0u)); }, 0,
     "key split.count: is 4294967295; 0 to 65535 are allowed"},
    {"CountOfFilesThatAreNotThere", [](auto& p) { replace(p[0], "split.count", u16(65'535)); }, 0,
     "key split.no: is 0 (from 0) of 65535, which is not what"},
    {"CountIsAString", [](auto& p) { replace(p[0], "split.count", text("3")); }, 0,
     "key split.count: is not an integer"},
    {"CountOfAnotherSplit", [](auto& p) { replace(p[1], "split.count", u16(4)); }, 1,
     "key split.count: is 4 where 3 is expected"},
    {"NumberMissing", [](auto& p) { p[0].keys.erase(p[0].keys.end() - 3); }, 0,
     "key split.no: is missing"},
    {"NumberMissingElsewhere", [](auto& p) { p[2].keys.clear(); }, 2, "key split.no: is missing"},
    {"NumberBeyondTheCount", [](auto& p) { replace(p[0], "split.no", u16(3)); }, 0,
     "key split.no: is 3 (from 0) of 3"},
    {"NumberNegative", [](auto& p) { replace(p[0], "split.no", i32(-1)); }, 0,
     "key split.no: is -1 (from 0) of 3"},
    {"NumberLeastOfAll",
     [](auto& p) {
       replace(p[0], "split.no", raw<std::uint32_t>(11) + raw(std::int64_t{1} << 63));
     },
     0, "key split.no: is -9223372036854775808 (from 0) of 3"},
    {"SamePartTwice", [](auto& p) { p[2] = p[1]; }, 2, "key split.no: is 1 where 2 is expected"},
    {"SameTensorTwice", [](auto& p) { p[2].tensors[0].name = "tensor.1"; }, 2,
     "tensor tensor.1: is also in model-00002-of-00003.gguf"},
    {"SameTensorTwiceOfATypeThatIsNotRead",
     [](auto& p) {
       p[2].tensors[0].name = "tensor.1";
       p[2].tensors[0].type = 41;
     },
     2, "tensor tensor.1: is also in model-00002-of-00003.gguf"},
    {"TensorMissing", [](auto& p) { p[1].tensors.clear(); }, 0,
     "key split.tensors.count: is 5 where 4 is expected"},
    {"TensorsNotCounted", [](auto& p) { p[0].keys.pop_back(); }, 0,
     "key split.tensors.count: is missing"},
};

class HostileParts : public ::testing::TestWithParam<HostileSplit> {};

TEST_P(HostileParts, IsOneClearErrorInLittleMemory) {
  std::vector<GgufWriter> damaged = parts();
  GetParam().damage(damaged);
  const TemporaryFolder folder;
  for (int i = 0; i < 3; ++i) {
    folder.write(name_of_part(i), damaged[static_cast<std::size_t>(i)].bytes());
  }
  const std::string start = (folder.path() / name_of_part(GetParam().part)).string() + ": ";
  largest_allocation = 0;
  EXPECT_THROW(GgufFile::open(folder.path() / name_of_part(0)), FileError);
  EXPECT_LT(largest_allocation, 1u << 16);
  EXPECT_THAT([&] { GgufFile::open(folder.path() / name_of_part(0)); },
              ThrowsMessage<FileError>(HasSubstr(start + GetParam().words)));
}

INSTANTIATE_TEST_SUITE_P(Gguf, HostileParts, ::testing::ValuesIn(kHostileSplits),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace azimuth
