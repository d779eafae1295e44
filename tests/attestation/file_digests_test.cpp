#include "azimuth/file_digests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

#include "azimuth/file_error.h"
#include "support/cancel_at.h"
#include "support/temporary_folder.h"

namespace azimuth::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// FIPS 180-2, and its implementations: of nothing, "abc", and a million times "a".
const std::string kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const std::string kMillion = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

class Digests : public ::testing::Test {
 protected:
  std::string write(const std::string& name, std::string_view bytes) {
    std::filesystem::create_directories((folder_.path() / name).parent_path());
    return folder_.write(name, bytes);
  }

  std::vector<FileDigest> digests(ModelFiles files, const std::filesystem::path& except = {}) {
    Workers workers(2);
    return digest_files(files, except, workers);
  }

  std::vector<std::string> names(ModelFiles files, const std::filesystem::path& except = {}) {
    std::vector<std::string> all;
    for (const FileDigest& file : digests(std::move(files), except)) all.push_back(file.name);
    return all;
  }

  std::string refusal(ModelFiles files) {
    try {
      digests(std::move(files));
    } catch (const FileError& error) {
      return error.what();
    }
    return "taken";
  }

  const TemporaryFolder folder_;
};

TEST_F(Digests, AreSha256) {
  write("m/empty", "");
  write("m/letters", std::string(1'000'000, 'a'));
  write("m/abc", "abc");
  // More than one piece is read at a time.
  write("m/long", std::string((1 << 20) + 1, '\0'));
  const auto all = digests({folder_ / "m"});
  ASSERT_EQ(all.size(), 4);
  EXPECT_EQ(all[0], (FileDigest{"abc", kAbc}));
  EXPECT_EQ(all[1], (FileDigest{"empty", kEmpty}));
  EXPECT_EQ(all[2], (FileDigest{"letters", kMillion}));
  EXPECT_EQ(all[3].sha256, "2cb74edba754a81d121c9db6833704a8e7d417e5b13d1a19f4a52f007d644264");
}

TEST_F(Digests, OfAFolderAreOfAllThatIsNotHidden) {
  for (const char* name : {"m/config.json", "m/model.safetensors", "m/README.md", "m/code/model.py",
                           "m/code/deep/er.py", "m/.gitattributes", "m/.git/HEAD",
                           "m/.cache/huggingface/a.metadata", "m/code/.hidden"}) {
    write(name, name);
  }
  std::filesystem::create_directories(folder_ / "m/nothing");
  EXPECT_THAT(names({folder_ / "m"}), ElementsAre("README.md", "code/deep/er.py", "code/model.py",
                                                  "config.json", "model.safetensors"));
  EXPECT_THAT(names({folder_ / "m/"}), ElementsAre("README.md", "code/deep/er.py", "code/model.py",
                                                   "config.json", "model.safetensors"));
}

TEST_F(Digests, FollowLinksToFiles) {
  write("blobs/1", "abc");
  std::filesystem::create_directories(folder_ / "snapshots/a");
  std::filesystem::create_symlink("../../blobs/1", folder_ / "snapshots/a/w");
  EXPECT_THAT(digests({folder_ / "snapshots/a"}), ElementsAre(FileDigest{"w", kAbc}));
}

TEST_F(Digests, LeaveOutTheAttestationItself) {
  write("m/w", "abc");
  const std::string attestation = write("m/sub/audit.json", "{}");
  EXPECT_THAT(names({folder_ / "m"}), ElementsAre("sub/audit.json", "w"));
  EXPECT_THAT(names({folder_ / "m"}, attestation), ElementsAre("w"));
  EXPECT_THAT(names({folder_ / "m"}, folder_ / "missing"), ElementsAre("sub/audit.json", "w"));
}

TEST_F(Digests, OfAFileAreItsOwnOrOfAllPartsOfASplitModel) {
  for (const char* name :
       {"m.gguf", "m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf",
        "m-00001-of-00002.gguf", "n-00001-of-00003.gguf", "m-00001-of-00001.safetensors"}) {
    write(name, name);
  }
  EXPECT_THAT(names({folder_ / "m.gguf"}), ElementsAre("m.gguf"));
  EXPECT_THAT(
      names({folder_ / "m-00002-of-00003.gguf"}),
      ElementsAre("m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"));
  EXPECT_THAT(names({folder_ / "m-00001-of-00001.safetensors"}),
              ElementsAre("m-00001-of-00001.safetensors"));
}

TEST_F(Digests, NameAdapterAndConfiguration) {
  write("m/w", "abc");
  write("other/adapter_config.json", "{}");
  write("other/.gitignore", "");
  write("else/config.json", "{}");
  EXPECT_THAT(names({folder_ / "m", folder_ / "other", folder_ / "else/config.json"}),
              ElementsAre("adapter/adapter_config.json", "config/config.json", "w"));
}

TEST_F(Digests, OfAnAdapterInTheModelsFolderStandOnce) {
  write("m/w", "abc");
  write("m/adapter/a", "{}");
  EXPECT_THAT(names({folder_ / "m", folder_ / "m/adapter"}), ElementsAre("adapter/a", "w"));
  write("other/a", "{1}");
  EXPECT_THAT(refusal({folder_ / "m", folder_ / "other"}),
              HasSubstr("name: stands for a file of the model's folder too: adapter/a"));
}

TEST_F(Digests, RefuseWhatIsNoFile) {
  EXPECT_THAT(refusal({folder_ / "missing"}), HasSubstr("missing: open: No such file"));
  write("m/w", "abc");
  const std::filesystem::path odd = folder_ / "m/odd";
  ASSERT_EQ(mkfifo(odd.c_str(), 0600), 0);
  EXPECT_THAT(refusal({folder_ / "m"}), HasSubstr("odd: open: is neither a file nor a folder"));
  EXPECT_THAT(refusal({odd}), HasSubstr("odd: open: is neither a file nor a folder"));
  std::filesystem::remove(odd);
  std::filesystem::create_symlink("nowhere", odd);
  EXPECT_THAT(refusal({folder_ / "m"}), HasSubstr("odd: open: No such file"));
  std::filesystem::remove(odd);
  std::filesystem::create_directory_symlink("..", odd);
  EXPECT_THAT(refusal({folder_ / "m"}), HasSubstr("odd: open: is a link to a folder"));
}

TEST_F(Digests, RefuseNamesThatAreNotUtf8) {
  write("m/w\xff", "abc");
  EXPECT_THAT(refusal({folder_ / "m"}), HasSubstr("w\\xff: name: is not UTF-8"));
}

TEST_F(Digests, AreBoundedInNumber) {
  write("m/w", "abc");
  for (int i = 0; i < 10'000; ++i) {
    std::filesystem::create_hard_link(folder_ / "m/w", folder_.path() / "m" / std::to_string(i));
  }
  EXPECT_THAT(refusal({folder_ / "m"}), HasSubstr("m: files: are more than the 10000"));
}

TEST_F(Digests, CanBeCancelled) {
  for (int i = 0; i < 9; ++i) write("m/" + std::to_string(i), "abc");
  Workers workers(2);
  CancelAt cancel(3);
  EXPECT_THROW(digest_files({folder_ / "m"}, {}, workers, &cancel), Cancelled);
}

TEST(Differences, NameEachFile) {
  const std::vector<FileDigest> attested = {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}};
  EXPECT_TRUE(differences(attested, attested).none());
  EXPECT_TRUE(differences({attested[1], attested[0]}, {attested[0], attested[1]}).none());
  const FileDifferences found =
      differences(attested, {{"e", "1"}, {"a", "1"}, {"c", "4"}, {"b2", "2"}, {"d", "4"}});
  EXPECT_THAT(found.changed, ElementsAre("c"));
  EXPECT_THAT(found.missing, ElementsAre("b"));
  EXPECT_THAT(found.added, ElementsAre("b2", "e"));
  EXPECT_FALSE(found.none());
  EXPECT_FALSE(differences(attested, {}).none());
  EXPECT_FALSE(differences({}, attested).none());
  EXPECT_FALSE(differences({{"a", "1"}}, {{"a", "2"}}).none());
}

}  // namespace
}  // namespace azimuth::testing
