// Envelopes that somebody changed, and statements that a signer should not have signed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "azimuth/attestation.h"
#include "azimuth/file_error.h"
#include "base64.h"
#include "envelope.h"
#include "fuzz/fuzzed_file.h"
#include "support/ed25519_keys.h"
#include "support/sample_attestation.h"
#include "support/temporary_folder.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

struct Signers {
  const TemporaryFolder folder;
  const SigningKey key = SigningKey::read(folder.write("1.pem", kKeyPairs[0].private_pem));
  const SigningKey other = SigningKey::read(folder.write("2.pem", kKeyPairs[1].private_pem));
  const VerifyingKey pub = VerifyingKey::read(folder.write("1.pub", kKeyPairs[0].public_pem));
  const VerifyingKey other_pub = VerifyingKey::read(folder.write("2.pub", kKeyPairs[1].public_pem));
};

const Signers& signers() {
  static const Signers all;
  return all;
}

std::string refusal(std::string_view envelope, const VerifyingKey& key = signers().pub) {
  const FuzzedFile file(envelope);
  try {
    read_attestation(file.path(), key);
  } catch (const FileError& error) {
    return error.what();
  }
  return "taken";
}

std::string good_envelope() { return sealed(sample_attestation().statement, signers().key); }

TEST(ChangedEnvelope, IsFoundAtEachByte) {
  const std::string good = good_envelope();
  ASSERT_EQ(refusal(good), "taken");
  const auto expect_found = [&](std::string changed, std::size_t at, const char* how) {
    if (refusal(changed) == "taken") ADD_FAILURE() << how << " at " << at << ": " << changed;
  };
  // The last byte is a newline behind the object.
  for (std::size_t at = 0; at + 1 < good.size(); ++at) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ (1 << at % 8));
    expect_found(std::move(changed), at, "flipped");
    // The rest at every third: a verification each adds up.
    if (at % 3 != 0) continue;
    if (good[at + 1] != good[at]) {
      std::string swapped = good;
      std::swap(swapped[at], swapped[at + 1]);
      // A newline may stand on either side of the last brace's end.
      if (at + 2 < good.size()) expect_found(std::move(swapped), at, "swapped");
    }
    expect_found(std::string(good).erase(at, 1), at, "erased");
    expect_found(std::string(good).insert(at, 1, 'A'), at, "inserted");
    expect_found(good.substr(0, at), at, "cut");
  }
}

/// The parts of an envelope, to be changed.
struct Parts {
  json envelope = json::parse(good_envelope());
  json& signature() { return envelope.at("signatures")[0]; }
  json statement() const {
    return json::parse(*from_base64(envelope.at("payload").get<std::string>()));
  }
};

TEST(Envelope, MayNameItsKeyOrNot) {
  Parts p;
  p.signature().erase("keyid");
  EXPECT_EQ(refusal(p.envelope.dump()), "taken");
  p.signature()["keyid"] = "";
  EXPECT_EQ(refusal(p.envelope.dump(2)), "taken");
  p.signature()["keyid"] = signers().other.id();
  EXPECT_THAT(refusal(p.envelope.dump()), HasSubstr("signature: none is of this payload by"));
}

TEST(Envelope, MayHaveSeveralSignatures) {
  const std::string statement = sample_attestation().statement;
  json both = json::parse(sealed(statement, signers().other));
  both["signatures"].push_back(Parts().signature());
  both["signatures"].push_back({{"keyid", "of RSA"}, {"sig", base64(std::string(256, 'x'))}});
  EXPECT_EQ(refusal(both.dump()), "taken");
  EXPECT_EQ(refusal(both.dump(), signers().other_pub), "taken");
  both["signatures"].erase(1);
  EXPECT_THAT(refusal(both.dump()),
              HasSubstr("signature: none is of this payload by the key " + signers().key.id()));
  // What nobody checked is at least well-formed.
  both["signatures"][1]["sig"] = "x";
  EXPECT_THAT(refusal(both.dump(), signers().other_pub), HasSubstr("signature 2: sig is not base"));
}

TEST(Envelope, IsNotOfAnotherKey) {
  EXPECT_THAT(refusal(good_envelope(), signers().other_pub),
              HasSubstr("signature: none is of this payload"));
  // A signature over the payload itself, without its type.
  Parts p;
  const std::string payload = *from_base64(p.envelope.at("payload").get<std::string>());
  p.signature()["sig"] = base64(signers().key.sign(payload));
  EXPECT_THAT(refusal(p.envelope.dump()), HasSubstr("signature: none is of this payload"));
}

struct Damage {
  const char* name;
  std::function<void(Parts&)> change;
  std::string words;
};

void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

class DamagedEnvelope : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedEnvelope, IsRefused) {
  Parts p;
  GetParam().change(p);
  EXPECT_THAT(refusal(p.envelope.dump()), HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    All, DamagedEnvelope,
    ::testing::Values(
        Damage{"NoObject", [](auto& p) { p.envelope = json::array(); }, "envelope: is not an obj"},
        Damage{"NoPayload", [](auto& p) { p.envelope.erase("payload"); }, "has no payload that is"},
        Damage{"PayloadANumber", [](auto& p) { p.envelope["payload"] = 1; }, "has no payload that"},
        Damage{"PayloadUrlSafe", [](auto& p) { p.envelope["payload"] = "_-__"; },
               "envelope: payload is not base64 in its one standard spelling"},
        Damage{"OtherType", [](auto& p) { p.envelope["payloadType"] = "text/plain"; },
               "envelope: its payloadType is 'text/plain'"},
        Damage{"NoSignatures", [](auto& p) { p.envelope.erase("signatures"); },
               "envelope: has no list of 1 to 100 signatures"},
        Damage{"SignaturesAnObject", [](auto& p) { p.envelope["signatures"] = json::object(); },
               "has no list of 1 to 100 signatures"},
        Damage{"SignaturesEmpty", [](auto& p) { p.envelope["signatures"] = json::array(); },
               "has no list of 1 to 100 signatures"},
        Damage{"SignaturesMany",
               [](auto& p) { p.envelope["signatures"] = json(json::array_t(101, p.signature())); },
               "has no list of 1 to 100 signatures"},
        Damage{"SignatureAString", [](auto& p) { p.signature() = "sig"; },
               "signature 1: is not an object"},
        Damage{"SignatureWithoutSig", [](auto& p) { p.signature().erase("sig"); },
               "signature 1: has no sig that is a string"},
        Damage{"KeyIdANumber", [](auto& p) { p.signature()["keyid"] = 1; },
               "signature 1: has no keyid that is a string"},
        Damage{"SignatureShort", [](auto& p) { p.signature()["sig"] = "Zm9v"; },
               "signature: none is of this payload"},
        Damage{"MemberNobodySigns", [](auto& p) { p.envelope["a\nb"] = 1; },
               "envelope: has the member 'a\\x0ab', which nobody signs"},
        Damage{"MemberOfASignature", [](auto& p) { p.signature()["cert"] = ""; },
               "signature 1: has the member 'cert', which nobody signs"},
        Damage{"ManyValues", [](auto& p) { p.envelope["a"] = json(json::array_t(1001, json(1))); },
               "JSON: holds more than the 1000 values"}),
    [](const auto& instance) { return instance.param.name; });

TEST(Envelope, ThatIsNoJsonIsRefused) {
  EXPECT_THAT(refusal(""), HasSubstr("the file is empty"));
  EXPECT_THAT(refusal("-----BEGIN"), HasSubstr("JSON: parse error"));
  EXPECT_THAT(refusal(std::string(100'000, '[')), HasSubstr("JSON: is nested more than 32 deep"));
  EXPECT_THAT(refusal(std::string((16 << 20) + 1, ' ')), HasSubstr("at most 16777216 are read"));
  std::string twice = good_envelope();
  twice.insert(1, R"("payload":"e30=",)");
  EXPECT_THAT(refusal(twice), HasSubstr("JSON: \"payload\" appears twice"));
  EXPECT_THAT(refusal(good_envelope() + "{}"), HasSubstr("JSON: parse error"));
}

struct Claim {
  const char* name;
  std::function<void(json&)> change;  ///< of the statement, before it is signed
  std::string words;
};

void PrintTo(const Claim& claim, std::ostream* out) { *out << claim.name; }

class SignedStatement : public ::testing::TestWithParam<Claim> {};

TEST_P(SignedStatement, IsRefused) {
  json statement = Parts().statement();
  GetParam().change(statement);
  EXPECT_THAT(refusal(sealed(statement.dump(), signers().key)),
              HasSubstr("payload: " + GetParam().words));
}

json& predicate(json& statement) { return statement.at("predicate"); }

INSTANTIATE_TEST_SUITE_P(
    All, SignedStatement,
    ::testing::Values(
        Claim{"NoObject", [](auto& s) { s = "statement"; }, "is not an object"},
        Claim{"OfAnotherType", [](auto& s) { s["_type"] = "https://in-toto.io/Statement/v0.1"; },
              "_type is 'https://in-toto.io/Statement/v0.1', and not"},
        Claim{"OfAnotherPredicate",
              [](auto& s) { s["predicateType"] = "https://slsa.dev/provenance/v1"; },
              "predicateType is 'https://slsa.dev/provenance/v1', and not"},
        Claim{"NoSubject", [](auto& s) { s["subject"] = json::array(); }, "subject holds no file"},
        Claim{"SubjectAnObject", [](auto& s) { s["subject"] = s["subject"][0]; },
              "subject is not a list"},
        Claim{"SubjectTwice", [](auto& s) { s["subject"].push_back(s["subject"][0]); },
              "subject[2] has the name of another: config.json"},
        Claim{"SubjectWithoutName", [](auto& s) { s["subject"][0]["name"] = ""; },
              "subject[0] has no name"},
        Claim{"SubjectOfAnotherDigest",
              [](auto& s) {
                s["subject"][0]["digest"] = {{"sha1", "00"}};
              },
              "subject[0].digest.sha256 is missing"},
        Claim{"DigestInCapitals",
              [](auto& s) { s["subject"][0]["digest"]["sha256"] = std::string(64, 'A'); },
              "subject[0].digest.sha256 is not SHA-256"},
        Claim{"DigestShort", [](auto& s) { s["subject"][0]["digest"]["sha256"] = "00"; },
              "subject[0].digest.sha256 is not SHA-256"},
        Claim{"NoPredicate", [](auto& s) { s.erase("predicate"); }, "predicate is missing"},
        Claim{"NoBase", [](auto& s) { predicate(s)["base"]["files"] = json::array(); },
              "predicate.base.files holds no file"},
        Claim{"BaseOfAnotherEvidence",
              [](auto& s) { predicate(s)["base"]["weightsDigest"] = std::string(64, '0'); },
              "predicate.evidence.base.weights_digest is 'bbbb"},
        Claim{"VerdictOfAnotherEvidence",
              [](auto& s) { predicate(s)["verdict"] = "VERDICT_NO_MATCH"; },
              "predicate.evidence.verdict is 'VERDICT_MATCH', and not VERDICT_NO_MATCH"},
        Claim{"RateOfAnotherEvidence", [](auto& s) { predicate(s)["thresholds"]["rate"] = 1e-5; },
              "predicate.thresholds.rate is not that of the evidence"},
        Claim{"RateImpossible", [](auto& s) { predicate(s)["thresholds"]["rate"] = 1; },
              "predicate.thresholds.rate is not between 0 and 1"},
        Claim{"BasesANumber", [](auto& s) { predicate(s)["evidence"]["bases"] = 2; },
              "predicate.evidence.bases is not a string"},
        Claim{"BasesNone", [](auto& s) { predicate(s)["evidence"]["bases"] = "0"; },
              "predicate.evidence.bases is not a count"},
        Claim{"BasesSpelled", [](auto& s) { predicate(s)["evidence"]["bases"] = "1e3"; },
              "predicate.evidence.bases is not a count"},
        Claim{"BasesMany", [](auto& s) { predicate(s)["evidence"]["bases"] = "1000001"; },
              "predicate.evidence.bases is not a count"},
        Claim{"TestsNegative", [](auto& s) { predicate(s)["evidence"]["tests"] = "-1"; },
              "predicate.evidence.tests is not a count"},
        Claim{"ShareAWord", [](auto& s) { predicate(s)["evidence"]["share"] = "all"; },
              "predicate.evidence.share is not a number"},
        Claim{"NoP", [](auto& s) { predicate(s)["evidence"].erase("log10_corrected_p"); },
              "predicate.evidence.log10_corrected_p is missing"},
        Claim{"ThoroughAString", [](auto& s) { predicate(s)["evidence"]["thorough"] = "no"; },
              "predicate.evidence.thorough is neither true nor false"},
        Claim{"ThresholdMissing", [](auto& s) { predicate(s)["thresholds"].erase("noMatchShare"); },
              "predicate.thresholds.noMatchShare is missing"},
        Claim{"ThresholdAString", [](auto& s) { predicate(s)["thresholds"]["matchShare"] = "0.2"; },
              "predicate.thresholds.matchShare is not a number"},
        Claim{"ThresholdBroken", [](auto& s) { predicate(s)["thresholds"]["matchNeurons"] = 1.5; },
              "predicate.thresholds.matchNeurons is not a whole number"},
        Claim{"ThresholdHuge", [](auto& s) { predicate(s)["thresholds"]["matchNeurons"] = 1e300; },
              "predicate.thresholds.matchNeurons is not a whole number"},
        Claim{"NoVersion", [](auto& s) { predicate(s).erase("versions"); },
              "predicate.versions is missing"},
        Claim{"NoTime", [](auto& s) { predicate(s)["auditedAt"] = 1; },
              "predicate.auditedAt is not a string"},
        Claim{"SupposesNothing", [](auto& s) { predicate(s).erase("supposes"); },
              "predicate.supposes is missing"}),
    [](const auto& instance) { return instance.param.name; });

TEST(AnyStatement, MayHoldWhatIsNotKnownYet) {
  json statement = Parts().statement();
  statement["new"] = 1;
  predicate(statement)["new"] = {1, 2};
  predicate(statement)["evidence"]["new"] = "NaN";
  statement["subject"][0]["digest"]["sha512"] = "00";
  EXPECT_EQ(refusal(sealed(statement.dump(), signers().key)), "taken");
}

TEST(AnyStatement, ThatIsNoJsonIsRefused) {
  EXPECT_THAT(refusal(sealed("", signers().key)), HasSubstr("payload: parse error"));
  EXPECT_THAT(refusal(sealed("\xff", signers().key)), HasSubstr("payload: parse error"));
  EXPECT_THAT(refusal(sealed(std::string(100'000, '['), signers().key)),
              HasSubstr("payload: is nested more than 32 deep"));
  EXPECT_THAT(refusal(sealed(R"({"_type":"a","_type":"b"})", signers().key)),
              HasSubstr("payload: \"_type\" appears twice"));
}

}  // namespace
}  // namespace azimuth::testing
