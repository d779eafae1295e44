// A signature file: as it is, and with the digest that somebody would forge for its content, since
// no change gets past the digest otherwise.

#include <google/protobuf/stubs/logging.h>
#include <openssl/evp.h>

#include <array>
#include <stdexcept>
#include <string>

#include "azimuth/comparison.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/signature_file.h"
#include "fuzz/fuzzed_file.h"
#include "fuzz/use.h"

using namespace azimuth;
using namespace azimuth::testing;

namespace {

constexpr std::size_t kHeaderBytes = 20;

std::string forged(v1::Signature message) {
  message.clear_digest();
  const std::string content = message.SerializeAsString();
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum;
  unsigned int size = 0;
  EVP_Digest(content.data(), content.size(), sum.data(), &size, EVP_sha256(), nullptr);
  std::string digest;
  for (unsigned int i = 0; i < size; ++i) {
    digest += "0123456789abcdef"[sum[i] >> 4];
    digest += "0123456789abcdef"[sum[i] & 15];
  }
  message.set_digest(digest);
  const std::string payload = message.SerializeAsString();
  std::string bytes("AZSIG\r\n\x1a\1\0\0\0", 12);
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(payload.size() >> (8 * i));
  return bytes + payload;
}

void read_and_use(std::string_view bytes) {
  const FuzzedFile file(bytes);
  refused_or_used<std::runtime_error>([&] {
    const Signature signature = read_signature(file.path());
    Workers workers;
    compare({"a", "b"}, std::array{signature, signature}, workers);
    to_json(signature);
    if (to_proto(signature).SerializeAsString().empty()) __builtin_trap();
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The reader lets Protobuf print nothing.
  static const auto handler = google::protobuf::SetLogHandler(
      [](google::protobuf::LogLevel, const char*, int, const std::string&) { __builtin_trap(); });
  static_cast<void>(handler);
  const std::string_view bytes = text_of(data, size);
  read_and_use(bytes);
  if (size <= kHeaderBytes) return 0;
  v1::Signature message;
  bool parsed = false;
  {
    const google::protobuf::LogSilencer silence;
    parsed = message.ParseFromArray(data + kHeaderBytes, static_cast<int>(size - kHeaderBytes));
  }
  if (parsed) read_and_use(forged(std::move(message)));
  return 0;
}
