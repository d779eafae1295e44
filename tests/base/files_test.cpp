// What is asked of a file before it is read, and how one is written.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string>

#include "azimuth/begins_with.h"
#include "azimuth/file_error.h"
#include "azimuth/replace_file.h"
#include "support/temporary_folder.h"

namespace azimuth::testing {
namespace {

using ::testing::ThrowsMessage;

std::string contents_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::ptrdiff_t files_in(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

TEST(BeginsWith, ComparesTheFirstBytes) {
  const TemporaryFolder folder;
  const auto file = folder.write("a", std::string("GG\0UF", 5));
  EXPECT_TRUE(begins_with(file, std::string_view("GG\0U", 4)));
  EXPECT_TRUE(begins_with(file, ""));
  EXPECT_FALSE(begins_with(file, "GGUF"));
  EXPECT_FALSE(begins_with(file, std::string_view("GG\0UF\0", 6))) << "longer than the file";
}

TEST(BeginsWith, NothingButAFileDoes) {
  const TemporaryFolder folder;
  EXPECT_FALSE(begins_with(folder / "none", ""));
  EXPECT_FALSE(begins_with(folder.path(), ""));
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_FALSE(begins_with(folder / "pipe", "")) << "and nobody is waited for";
}

TEST(ReplaceFile, WritesOneThatIsNewOrReplacesTheOldAndLeavesNothingBeside) {
  const TemporaryFolder folder;
  replace_file(folder / "a", "a text that is longer");
  replace_file(folder / "a", std::string("new\0", 4));
  EXPECT_EQ(contents_of(folder / "a"), std::string("new\0", 4));
  EXPECT_EQ(files_in(folder.path()), 1);
}

TEST(ReplaceFile, ALinkStaysAndWhatItLeadsToIsReplaced) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "below");
  folder.write("below/file", "old");
  std::filesystem::create_symlink("below/file", folder / "link");
  replace_file(folder / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(contents_of(folder / "below/file"), "new");
  EXPECT_EQ(files_in(folder / "below"), 1);
}

TEST(ReplaceFile, WhatIsNoFileIsWrittenTo) {
  const TemporaryFolder folder;
  const std::string pipe = folder / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int reader = open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  replace_file(pipe, "text");
  std::array<char, 8> read = {};
  EXPECT_EQ(::read(reader, read.data(), read.size()), 4);
  close(reader);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
}

TEST(ReplaceFile, SaysWhichFileCannotBeWrittenAndWhy) {
  const TemporaryFolder folder;
  const std::string nowhere = folder / "none/a";
  EXPECT_THAT([&] { replace_file(nowhere, "text"); },
              ThrowsMessage<FileError>(nowhere + ": open: No such file or directory"));
  EXPECT_THAT([&] { replace_file(folder.path(), "text"); },
              ThrowsMessage<FileError>(folder.path().string() + ": open: Is a directory"));
}

TEST(ReplaceFile, OneThatCannotBeWrittenWholeLeavesTheOldOneAndNothingBeside) {
  const TemporaryFolder folder;
  const auto file = folder.write("a", "old");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before = {};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit full_disk = {100, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &full_disk);
  EXPECT_THAT([&] { replace_file(file, std::string(200, 'x')); },
              ThrowsMessage<FileError>(file.string() + ": write: File too large"));
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(contents_of(file), "old");
  EXPECT_EQ(files_in(folder.path()), 1);
}

}  // namespace
}  // namespace azimuth::testing
