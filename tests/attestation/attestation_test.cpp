#include "azimuth/attestation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "azimuth/file_error.h"
#include "azimuth/proto_conversion.h"
#include "base64.h"
#include "support/ed25519_keys.h"
#include "support/sample_attestation.h"
#include "support/temporary_folder.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class Attestations : public ::testing::Test {
 protected:
  const TemporaryFolder folder_;
  const std::filesystem::path file_ = folder_ / "audit.json";
  const SigningKey key_ = SigningKey::read(folder_.write("key.pem", kKeyPairs[0].private_pem));
  const VerifyingKey public_key_ =
      VerifyingKey::read(folder_.write("pub.pem", kKeyPairs[0].public_pem));
};

TEST_F(Attestations, AreReadAsTheyWereWritten) {
  const Attestation written = sample_attestation();
  write_attestation(file_, written, key_);
  const Attestation read = read_attestation(file_, public_key_);
  EXPECT_EQ(read.release, written.release);
  EXPECT_EQ(read.base, written.base);
  EXPECT_EQ(read.base_weights_digest, std::string(64, 'b'));
  EXPECT_EQ(json::parse(read.evidence), json::parse(to_json(sample_audit())));
  EXPECT_EQ(read.verdict, "VERDICT_MATCH");
  EXPECT_EQ(read.rate, 1e-6);
  EXPECT_EQ(read.match_share, kMatchShare);
  EXPECT_EQ(read.match_neurons, kMatchNeurons);
  EXPECT_EQ(read.no_match_share, kNoMatchShare);
  EXPECT_EQ(read.schema_version, "azimuth.v1");
  EXPECT_FALSE(read.program_version.empty());
  EXPECT_EQ(read.audited_at, "2026-05-01T12:00:00Z");
  EXPECT_THAT(read.supposes, HasSubstr("published before the release"));
  EXPECT_EQ(read.statement, written.statement);
}

TEST_F(Attestations, AreAnInTotoStatementInADsseEnvelope) {
  write_attestation(file_, sample_attestation(), key_);
  const json envelope = json::parse(std::ifstream(file_));
  EXPECT_EQ(envelope.size(), 3);
  EXPECT_EQ(envelope.at("payloadType"), "application/vnd.in-toto+json");
  ASSERT_EQ(envelope.at("signatures").size(), 1);
  EXPECT_EQ(envelope.at("signatures")[0].at("keyid"), key_.id());
  const std::string payload = *from_base64(envelope.at("payload").get<std::string>());
  const std::string signed_bytes =
      "DSSEv1 28 application/vnd.in-toto+json " + std::to_string(payload.size()) + " " + payload;
  EXPECT_TRUE(public_key_.verifies(
      signed_bytes, *from_base64(envelope.at("signatures")[0].at("sig").get<std::string>())));

  const json statement = json::parse(payload);
  EXPECT_EQ(statement.at("_type"), "https://in-toto.io/Statement/v1");
  EXPECT_EQ(statement.at("predicateType"), "https://azimuth/audit/v1");
  EXPECT_EQ(
      statement.at("subject"),
      json::parse(R"([{"name":"config.json","digest":{"sha256":")" + std::string(64, '1') +
                  R"("}},{"name":"w","digest":{"sha256":")" + std::string(64, '2') + R"("}}])"));
  EXPECT_EQ(statement.at("predicate").at("base").at("files")[0].at("name"), "base.gguf");
}

TEST_F(Attestations, AreNotMadeOfHalfAnAudit) {
  const FileDigest file = {"w", std::string(64, '1')};
  EXPECT_THROW(attest(Audit{}, {file}, {file}, 0), std::invalid_argument);
  EXPECT_THROW(attest(sample_audit(), {}, {file}, 0), std::invalid_argument);
  EXPECT_THROW(attest(sample_audit(), {file}, {}, 0), std::invalid_argument);
  EXPECT_THROW(attest(sample_audit(), {file, file}, {file}, 0), std::invalid_argument);
  EXPECT_THROW(attest(sample_audit(), {{"w", "1"}}, {file}, 0), std::invalid_argument);
  EXPECT_THROW(attest(sample_audit(), {file}, {file}, -1), std::invalid_argument);
  EXPECT_THROW(attest(sample_audit(), {file}, {file}, 253402300800), std::invalid_argument);
  EXPECT_EQ(attest(sample_audit(), {file}, {file}, 253402300799).audited_at,
            "9999-12-31T23:59:59Z");
}

TEST_F(Attestations, OfAnyVerdictCanBeMade) {
  const FileDigest file = {"w", std::string(64, '1')};
  Audit audit = sample_audit();
  for (const Verdict verdict :
       {Verdict::match, Verdict::match_empirical, Verdict::no_match, Verdict::inconclusive}) {
    audit.verdict = verdict;
    EXPECT_EQ(attest(audit, {file}, {file}, 0).verdict,
              v1::Verdict_Name(to_proto(audit).verdict()));
  }
}

TEST_F(Attestations, AreNotWrittenWhereThereIsNoFolder) {
  EXPECT_THROW(write_attestation(folder_ / "none/a.json", sample_attestation(), key_), FileError);
}

}  // namespace
}  // namespace azimuth::testing
