// An attestation: as it is; as a statement that the key has signed, since no change gets past the
// signature otherwise; and as a file of a key.

#include <stdexcept>
#include <string>

#include "azimuth/attestation.h"
#include "envelope.h"
#include "fuzz/fuzzed_file.h"
#include "fuzz/use.h"
#include "support/ed25519_keys.h"

using namespace azimuth;
using namespace azimuth::testing;

namespace {

const SigningKey& signing_key() {
  static const SigningKey key = SigningKey::read(FuzzedFile(kKeyPairs[0].private_pem).path());
  return key;
}

const VerifyingKey& verifying_key() {
  static const VerifyingKey key = VerifyingKey::read(FuzzedFile(kKeyPairs[0].public_pem).path());
  return key;
}

void read_and_use(const std::filesystem::path& file) {
  refused_or_used([&] {
    const Attestation a = read_attestation(file, verifying_key());
    if (a.release.empty() || a.base.empty() || !(a.rate > 0 && a.rate < 1)) __builtin_trap();
    if (!differences(a.release, a.release).none()) __builtin_trap();
    if (!evidence_differences(a.evidence, a.evidence).empty()) __builtin_trap();
    evidence_differences(a.evidence, "{}");
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = text_of(data, size);
  const FuzzedFile file(bytes);
  read_and_use(file.path());

  const FuzzedFile signed_file(sealed(bytes, signing_key()));
  read_and_use(signed_file.path());

  refused_or_used([&] {
    if (SigningKey::read(file.path()).sign("message").size() != 64) __builtin_trap();
  });
  refused_or_used([&] {
    if (VerifyingKey::read(file.path()).verifies("message", std::string(64, 's'))) {
      __builtin_trap();
    }
  });
  return 0;
}
