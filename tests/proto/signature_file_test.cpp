#include "azimuth/signature_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "azimuth/proto_conversion.h"
#include "proto/sample_signature.h"

namespace azimuth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using testing::sample_signature;

class SignatureFile : public ::testing::Test {
 protected:
  SignatureFile()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                (std::string("azimuth-") +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    file_ = folder_ / "model.azsig";
  }
  ~SignatureFile() override { std::filesystem::remove_all(folder_); }

  std::string bytes() const {
    std::ifstream stream(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  void put(const std::string& bytes) const {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes;
  }

  /// What reading says; empty if it accepted the file.
  std::string complaint() const {
    try {
      read_signature(file_);
      return "";
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  }

  std::filesystem::path folder_;
  std::filesystem::path file_;
};

constexpr std::size_t kHeaderBytes = 20;

std::string header_for(std::size_t length) {
  std::string header("AZSIG\r\n\x1a\1\0\0\0", 12);
  for (int i = 0; i < 8; ++i) header += static_cast<char>(length >> (8 * i));
  return header;
}

/// A file as somebody would forge it: any content, with a digest that is right.
std::string forged(v1::Signature message) {
  message.clear_digest();
  const std::string content = message.SerializeAsString();
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(content.data(), content.size(), sum, &size, EVP_sha256(), nullptr);
  std::string digest;
  for (unsigned int i = 0; i < size; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", sum[i]);
    digest += digits;
  }
  message.set_digest(digest);
  const std::string payload = message.SerializeAsString();
  return header_for(payload.size()) + payload;
}

TEST_F(SignatureFile, GivesBackWhatWasWritten) {
  Signature signature = sample_signature();
  signature.digest = "whatever";
  write_signature(file_, signature);
  const Signature read = read_signature(file_);
  EXPECT_THAT(read.digest, MatchesRegex("[0-9a-f]{64}"));
  signature.digest = read.digest;
  EXPECT_EQ(to_json(read), to_json(signature));
}

TEST_F(SignatureFile, DigestIsOverAllOtherFields) {
  write_signature(file_, sample_signature());
  EXPECT_EQ(bytes(), forged(to_proto(sample_signature())));
}

TEST_F(SignatureFile, AModelWithoutADirectionHasASignatureToo) {
  Signature signature = sample_signature();
  signature.stages.clear();
  signature.primary_stage = -1;
  signature.direction.clear();
  for (BlockObservation& block : signature.blocks) block.stage = -1;
  write_signature(file_, signature);
  EXPECT_TRUE(read_signature(file_).direction.empty());
}

TEST_F(SignatureFile, ReplacesAndLeavesNothingBehind) {
  put("something else");
  write_signature(file_, sample_signature());
  EXPECT_EQ(complaint(), "");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(SignatureFile, WritingThatFailsLeavesTheOldFile) {
  write_signature(file_, sample_signature());
  const std::string before = bytes();
  Signature wrong = sample_signature();
  wrong.direction.pop_back();
  EXPECT_THROW(write_signature(file_, wrong), std::runtime_error);
  EXPECT_EQ(bytes(), before);

  std::filesystem::create_directory(folder_ / "folder");
  EXPECT_THROW(write_signature(folder_ / "folder", sample_signature()), std::runtime_error);
  EXPECT_THROW(write_signature(folder_ / "none" / "file", sample_signature()), std::runtime_error);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 2);
}

TEST_F(SignatureFile, ReadersNeverSeeAPart) {
  write_signature(file_, sample_signature());
  std::atomic<int> replaced = 0;
  std::jthread writer([&](std::stop_token stop) {
    while (!stop.stop_requested()) {
      write_signature(file_, sample_signature());
      ++replaced;
    }
  });
  while (replaced < 20) ASSERT_EQ(complaint(), "");
}

TEST_F(SignatureFile, ErrorsNameTheFileAndTheReason) {
  EXPECT_THAT(complaint(), HasSubstr(file_.string() + ": open: "));
  put("GGUF and so on, but no signature");
  EXPECT_EQ(complaint(), file_.string() + ": header: not a signature file");
  file_ = folder_;
  EXPECT_EQ(complaint(), file_.string() + ": open: not a file");
}

TEST_F(SignatureFile, EveryTruncationIsRefused) {
  write_signature(file_, sample_signature());
  const std::string whole = bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    put(whole.substr(0, size));
    ASSERT_NE(complaint(), "") << size;
  }
  put(whole + '\0');
  EXPECT_THAT(complaint(), HasSubstr("length: "));
}

TEST_F(SignatureFile, EveryFlippedByteIsRefused) {
  write_signature(file_, sample_signature());
  const std::string whole = bytes();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
    put(damaged);
    ASSERT_THAT(complaint(), AllOf(HasSubstr(file_.string() + ": "), Not(HasSubstr("\n")))) << i;
  }
}

TEST_F(SignatureFile, LengthsThatLieAreRefused) {
  for (std::size_t length :
       {std::size_t{0}, std::size_t{1}, std::numeric_limits<std::size_t>::max()}) {
    put(header_for(length) + "xx");
    EXPECT_THAT(complaint(), HasSubstr("length: "));
  }
  put(header_for(2) + "\xff\xff");
  EXPECT_THAT(complaint(), HasSubstr("content: "));
}

TEST_F(SignatureFile, TextThatIsNotUtf8IsOneErrorAndNothingElse) {
  write_signature(file_, sample_signature());
  std::string damaged = bytes();
  damaged[damaged.find(read_signature(file_).digest)] = '\xff';
  put(damaged);
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(complaint(), HasSubstr("content: "));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(SignatureFile, AFileThatIsTooLargeIsNotRead) {
  put(header_for(std::size_t{1} << 34));
  std::filesystem::resize_file(file_, kHeaderBytes + (std::uintmax_t{1} << 34));
  EXPECT_THAT(complaint(), HasSubstr("length: larger than a signature can be"));
}

TEST_F(SignatureFile, OtherVersionsAreRefused) {
  write_signature(file_, sample_signature());
  std::string other = bytes();
  other[8] = 2;
  put(other);
  EXPECT_THAT(complaint(), HasSubstr("header: version 2"));

  v1::Signature message = to_proto(sample_signature());
  message.set_schema_version(2);
  put(forged(message));
  EXPECT_THAT(complaint(), HasSubstr("schema_version: 2"));
}

struct Forgery {
  const char* name;
  std::function<void(v1::Signature&)> change;
  const char* complaint;
};

TEST_F(SignatureFile, InconsistentContentIsRefused) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<Forgery> forgeries = {
      {"direction too short", [](auto& s) { s.mutable_direction()->RemoveLast(); },
       "direction: 3 numbers where hidden_size is 4"},
      {"direction too long", [](auto& s) { s.mutable_stages(0)->add_direction(0); },
       "stages[0].direction: 5 numbers"},
      {"not finite", [&](auto& s) { s.set_direction(1, infinity); }, "direction: not finite"},
      {"NaN", [](auto& s) { s.mutable_stages(0)->set_direction(1, std::nanf("")); },
       "stages[0].direction: not finite"},
      {"not unit", [](auto& s) { s.set_direction(1, 5); }, "direction: not a unit vector"},
      {"another direction",
       [](auto& s) {
         s.set_direction(0, 0);
         s.set_direction(3, 1);
       },
       "direction: is not that of the primary stage"},
      {"hidden size", [](auto& s) { s.mutable_model()->set_hidden_size(-4); },
       "model.hidden_size: not positive"},
      {"block count", [](auto& s) { s.mutable_model()->set_block_count(0); },
       "model.block_count: not positive"},
      {"no such stage", [](auto& s) { s.set_primary_stage(1); }, "primary_stage: "},
      {"negative stage", [](auto& s) { s.set_primary_stage(-2); }, "primary_stage: "},
      {"block's stage", [](auto& s) { s.mutable_blocks(1)->set_stage(7); }, "blocks[1]: "},
      {"too many blocks", [](auto& s) { s.add_blocks(); }, "blocks: 4 where"},
      {"blocks out of order", [](auto& s) { s.mutable_blocks(1)->set_block(5); }, "blocks[1]: "},
      {"norms", [](auto& s) { s.mutable_blocks(2)->add_norms(1); }, "blocks[2].norms: 4 norms"},
      {"stage outside", [](auto& s) { s.mutable_stages(0)->set_last_block(3); }, "stages[0]: "},
      {"stage reversed", [](auto& s) { s.mutable_stages(0)->set_last_block(1); }, "stages[0]: "},
      {"explosion outside",
       [](auto& s) { s.mutable_stages(0)->mutable_explosion_blocks(0)->set_block(1 << 30); },
       "stages[0]: block 1073741824"},
      {"vocabulary", [](auto& s) { s.mutable_probe()->mutable_vocabulary()->add_ratio(1); },
       "probe.vocabulary: "},
      {"pair", [](auto& s) { s.mutable_blocks(0)->mutable_ffn()->add_sigma(1); },
       "expected two numbers"},
      {"reference", [](auto& s) { s.mutable_probe()->set_reference("x"); }, "reference norm"},
      {"empty", [](auto& s) { s.Clear(); }, "schema_version: 0"},
  };
  put(forged(to_proto(sample_signature())));
  ASSERT_EQ(complaint(), "");
  for (const Forgery& forgery : forgeries) {
    v1::Signature message = to_proto(sample_signature());
    forgery.change(message);
    put(forged(message));
    EXPECT_THAT(complaint(), HasSubstr(forgery.complaint)) << forgery.name;
  }
}

}  // namespace
}  // namespace azimuth
