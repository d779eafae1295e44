#include "azimuth/signing_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "azimuth/file_error.h"
#include "azimuth/hexadecimal.h"
#include "base64.h"
#include "support/ed25519_keys.h"
#include "support/temporary_folder.h"

namespace azimuth::testing {
namespace {

using ::testing::HasSubstr;

class Keys : public ::testing::Test {
 protected:
  template <class Key>
  std::string refusal(std::string_view bytes) {
    try {
      Key::read(folder_.write("key.pem", bytes));
    } catch (const FileError& error) {
      return error.what();
    }
    return "taken";
  }

  const TemporaryFolder folder_;
};

// RFC 8032, section 7.1: tests 1 and 2.
TEST_F(Keys, SignAsTheStandardSays) {
  const auto first = SigningKey::read(folder_.write("1.pem", kKeyPairs[0].private_pem));
  EXPECT_EQ(
      hexadecimal(first.sign("")),
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
      "1cf9b46bd25bf5f0595bbe24655141438e7a100b");
  const auto second = SigningKey::read(folder_.write("2.pem", kKeyPairs[1].private_pem));
  EXPECT_EQ(
      hexadecimal(second.sign("\x72")),
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
      "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}

TEST_F(Keys, VerifyNothingButTheMessageThatWasSigned) {
  const auto key = SigningKey::read(folder_.write("1.pem", kKeyPairs[0].private_pem));
  const auto pub = VerifyingKey::read(folder_.write("1.pub", kKeyPairs[0].public_pem));
  const auto other = VerifyingKey::read(folder_.write("2.pub", kKeyPairs[1].public_pem));
  const std::string signature = key.sign("message");
  EXPECT_TRUE(pub.verifies("message", signature));
  EXPECT_FALSE(pub.verifies("Message", signature));
  EXPECT_FALSE(other.verifies("message", signature));
  EXPECT_FALSE(pub.verifies("message", signature.substr(1)));
  EXPECT_FALSE(pub.verifies("message", signature + "a"));
  EXPECT_FALSE(pub.verifies("message", ""));
}

// The ids were computed with securesystemslib 1.6.0: SSlibKey.from_crypto(key).keyid, and
// hashlib.sha256 over the DER.
TEST_F(Keys, HaveTheIdsOfOtherTools) {
  const auto key = SigningKey::read(folder_.write("1.pem", kKeyPairs[0].private_pem));
  const auto pub = VerifyingKey::read(folder_.write("1.pub", kKeyPairs[0].public_pem));
  EXPECT_EQ(key.id(), "74c181c7ad8a0855d4b55e44d2ba87aabdddb196832571f15f92fece332e4916");
  EXPECT_EQ(pub.id(), key.id());
  EXPECT_TRUE(pub.is_named(key.id()));
  EXPECT_TRUE(pub.is_named("06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9"));
  EXPECT_TRUE(pub.is_named(""));
  EXPECT_FALSE(pub.is_named("1"));
  EXPECT_FALSE(
      VerifyingKey::read(folder_.write("2.pub", kKeyPairs[1].public_pem)).is_named(key.id()));
}

// What 'openssl genpkey -algorithm ed25519 -aes256 -pass pass:password', 'openssl genpkey
// -algorithm x25519' and the latter's public key are.
TEST_F(Keys, OfOtherKindsAreRefusedWithWhatToDo) {
  const char* const encrypted = R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiw0rOuc0O2SgICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEL30C3osWnzY5xMXsT7zOhEEQO36
tpNYa4g3VljkwnBxYEcpXBKA+IWpMg7SssMFq3ZVXY4xNxt6Ot4g3xOSUEcJxd/3
qGfkTtgqNqsZ33vjShA=
-----END ENCRYPTED PRIVATE KEY-----
)";
  const char* const other = R"(-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VuBCIEIEjDIUYrPXNrSDdyQloPhe2/htqk7ZMyCstRYObaLLFV
-----END PRIVATE KEY-----
)";
  const char* const other_public = R"(-----BEGIN PUBLIC KEY-----
MCowBQYDK2VuAyEAO+jaF6VbdBS0CCwlC8zdvOe5et6dEpC0HBYiG4VtMVY=
-----END PUBLIC KEY-----
)";
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(refusal<SigningKey>(encrypted), HasSubstr("key.pem: key: is encrypted, and no"));
  EXPECT_THAT(refusal<SigningKey>(other), HasSubstr("key: is not of Ed25519"));
  EXPECT_THAT(refusal<SigningKey>(kKeyPairs[0].public_pem), HasSubstr("key: is a public key"));
  EXPECT_THAT(refusal<VerifyingKey>(encrypted), HasSubstr("key: is a private key"));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");  // nobody is asked for a password
  EXPECT_THAT(refusal<VerifyingKey>(other_public), HasSubstr("key: is not of Ed25519"));
  EXPECT_THAT(refusal<VerifyingKey>(kKeyPairs[0].private_pem), HasSubstr("key: is a private key"));
}

TEST_F(Keys, ThatAreDamagedAreRefused) {
  const std::string half(kKeyPairs[0].private_pem, 60);
  EXPECT_THAT(refusal<SigningKey>(half), HasSubstr("key: is not a private key in PEM"));
  EXPECT_THAT(refusal<VerifyingKey>(half.substr(0, 10)), HasSubstr("key: is not a public key"));
  EXPECT_THAT(refusal<SigningKey>(""), HasSubstr("the file is empty"));
  EXPECT_THAT(refusal<SigningKey>(std::string((64 << 10) + 1, '-')),
              HasSubstr("larger than a key can be"));
  EXPECT_THROW(SigningKey::read(folder_ / "missing"), FileError);
  EXPECT_THROW(VerifyingKey::read(folder_.path()), FileError);
}

// RFC 4648, section 10.
TEST(Base64, IsTheStandard) {
  for (const auto& [bytes, text] :
       {std::pair("", ""), std::pair("f", "Zg=="), std::pair("fo", "Zm8="),
        std::pair("foo", "Zm9v"), std::pair("foobar", "Zm9vYmFy")}) {
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
  const std::string_view all("\xff\xfe\0\xfb", 4);
  EXPECT_EQ(from_base64(base64(all)), all);
}

TEST(Base64, HasOneSpelling) {
  for (const char* text : {"Zg=", "Zg", "Zh==", "Zm9=", "Zg==\n", " Zg==", "Z g=", "Zm9v=", "====",
                           "Zg==Zg==", "_-__", "Zm9vYg", "=", "Zm=v", "Zm9\xff"}) {
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace azimuth::testing
