#include "azimuth/file_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace azimuth {
namespace {

using ::testing::ThrowsMessage;

std::string text(const std::string& file, const std::string& what, const std::string& why) {
  return FileError(file, what, why).what();
}

TEST(FileError, SaysFileWhatAndWhy) {
  EXPECT_EQ(text("a/model.gguf", "header", "is cut"), "a/model.gguf: header: is cut");
}

TEST(FileError, IsOneLineThatSteersNoTerminalWhateverIsInIt) {
  EXPECT_EQ(text("a\nb", "tensor \x1b[2J", "holds \xff, not Ö"),
            "a\\x0ab: tensor \\x1b[2J: holds \\xff, not Ö");
}

TEST(FileError, IsCutToAReadableLength) {
  EXPECT_EQ(text("f", std::string(200, 'a'), "w"), "f: " + std::string(120, 'a') + "...: w");
  EXPECT_EQ(text("f", "w", std::string(2000, 'b')), "f: w: " + std::string(1000, 'b') + "...");
}

TEST(WithFileErrors, GivesWhatIsMade) {
  EXPECT_EQ(with_file_errors("f", "w", [] { return 7; }), 7);
}

TEST(WithFileErrors, MisuseIsSomethingWrongWithTheFile) {
  EXPECT_THAT([] { with_file_errors("f", "model", [] { throw std::out_of_range("no block 7"); }); },
              ThrowsMessage<FileError>("f: model: no block 7"));
}

TEST(WithFileErrors, LeavesOtherErrorsAlone) {
  const auto fail = [] { throw FileError("shard", "header", "is cut"); };
  EXPECT_THAT([&] { with_file_errors("index", "model", fail); },
              ThrowsMessage<FileError>("shard: header: is cut"));
}

}  // namespace
}  // namespace azimuth
