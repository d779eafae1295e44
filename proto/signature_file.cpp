#include "azimuth/signature_file.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "azimuth/proto_conversion.h"
#include "azimuth/replace_file.h"
#include "signature_check.h"

namespace azimuth {
namespace {

constexpr std::string_view kMagic("AZSIG\r\n\x1a", 8);
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::size_t kHeaderBytes = kMagic.size() + 4 + 8;
// A model of 200 blocks and 20,000 dimensions with every token of its vocabulary listed needs half.
constexpr std::uintmax_t kMaxPayloadBytes = 16 << 20;

std::string deterministic_bytes(const v1::Signature& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

std::string sha256_hexadecimal(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum;
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), sum.data(), &size, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("digest: libcrypto failed");
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += "0123456789abcdef"[sum[i] >> 4];
    text += "0123456789abcdef"[sum[i] & 15];
  }
  return text;
}

std::string digest_of(v1::Signature message) {
  message.clear_digest();
  return sha256_hexadecimal(deterministic_bytes(message));
}

void append_little_endian(std::string& bytes, std::uint64_t number, int size) {
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(number >> (8 * i));
}

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

// Errors below are "what: why"; the public functions put the file's name in front.

Signature decode(std::string_view bytes) {
  if (bytes.substr(0, kMagic.size()) != kMagic.substr(0, bytes.size()) || bytes.empty())
    throw std::runtime_error("header: not a signature file");
  if (bytes.size() < kHeaderBytes) throw std::runtime_error("header: the file is cut short");
  const auto version = little_endian(bytes.substr(kMagic.size(), 4));
  if (version != kFormatVersion)
    throw std::runtime_error("header: version " + std::to_string(version) +
                             " of the format, but this program knows only " +
                             std::to_string(kFormatVersion));
  const auto length = little_endian(bytes.substr(kMagic.size() + 4, 8));
  const std::string_view payload = bytes.substr(kHeaderBytes);
  if (length != payload.size())
    throw std::runtime_error("length: " + std::to_string(payload.size()) +
                             " bytes where there should be " + std::to_string(length));

  v1::Signature message;
  {
    // Of text that is not UTF-8 Protobuf would print lines of its own beside our error.
    const google::protobuf::LogSilencer silence;
    if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size())))
      throw std::runtime_error("content: not an azimuth.v1.Signature");
  }
  // One signature has one encoding: a change that decoding would not notice is damage too.
  if (deterministic_bytes(message) != payload || message.digest() != digest_of(message))
    throw std::runtime_error("digest: does not match the content, which is damaged");
  Signature signature = from_proto(message);
  check_signature(signature);
  return signature;
}

std::string encode(const Signature& signature) {
  v1::Signature message = to_proto(signature);
  message.set_digest(digest_of(message));
  const std::string payload = deterministic_bytes(message);
  if (payload.size() > kMaxPayloadBytes)
    throw std::runtime_error("length: " + std::to_string(payload.size()) + " bytes are too many");
  std::string bytes(kMagic);
  append_little_endian(bytes, kFormatVersion, 4);
  append_little_endian(bytes, payload.size(), 8);
  return bytes + payload;
}

[[noreturn]] void throw_errno(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::generic_category().message(errno));
}

std::string load(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) throw std::runtime_error("open: " + error.message());
  if (!std::filesystem::is_regular_file(status)) throw std::runtime_error("open: not a file");
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw_errno("open");
  // In pieces, so that memory follows what the file really holds, and size is judged by what was
  // read: one piece more than a file may have is enough to refuse it.
  std::string bytes;
  std::array<char, 65'536> piece;
  while (stream && bytes.size() <= kHeaderBytes + kMaxPayloadBytes) {
    stream.read(piece.data(), piece.size());
    bytes.append(piece.data(), static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad()) throw_errno("read");
  if (bytes.size() > kHeaderBytes + kMaxPayloadBytes)
    throw std::runtime_error("length: larger than a signature can be");
  return bytes;
}

template <class Work>
auto naming(const std::filesystem::path& file, Work work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
}

}  // namespace

Signature read_signature(const std::filesystem::path& file) {
  return naming(file, [&] { return decode(load(file)); });
}

bool is_signature_file(const std::filesystem::path& file) noexcept {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return false;
  std::array<char, kMagic.size()> start = {};
  std::ifstream(file, std::ios::binary).read(start.data(), start.size());
  return std::string_view(start.data(), start.size()) == kMagic;
}

void write_signature(const std::filesystem::path& file, Signature signature) {
  const std::string bytes = naming(file, [&] {
    const std::string encoded = encode(signature);
    decode(encoded);
    return encoded;
  });
  replace_file(file, bytes);
}

}  // namespace azimuth
