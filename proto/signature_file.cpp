#include "azimuth/signature_file.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include "azimuth/begins_with.h"
#include "azimuth/file_error.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/replace_file.h"
#include "azimuth/sha256.h"
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

std::string digest_of(v1::Signature message) {
  message.clear_digest();
  Sha256 sum;
  sum.add(deterministic_bytes(message));
  return sum.hexadecimal();
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

Signature decode(const std::filesystem::path& file, std::string_view bytes) {
  if (bytes.substr(0, kMagic.size()) != kMagic.substr(0, bytes.size()) || bytes.empty())
    throw FileError(file, "header", "not a signature file");
  if (bytes.size() < kHeaderBytes) throw FileError(file, "header", "the file is cut short");
  const auto version = little_endian(bytes.substr(kMagic.size(), 4));
  if (version != kFormatVersion)
    throw FileError(file, "header",
                    "version " + std::to_string(version) +
                        " of the format, but this program knows only " +
                        std::to_string(kFormatVersion));
  const auto length = little_endian(bytes.substr(kMagic.size() + 4, 8));
  const std::string_view payload = bytes.substr(kHeaderBytes);
  if (length != payload.size())
    throw FileError(
        file, "length",
        std::to_string(payload.size()) + " bytes where there should be " + std::to_string(length));

  v1::Signature message;
  {
    // Of text that is not UTF-8 Protobuf would print lines of its own beside our error.
    const google::protobuf::LogSilencer silence;
    if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size())))
      throw FileError(file, "content", "not an azimuth.v1.Signature");
  }
  // One signature has one encoding: a change that decoding would not notice is damage too.
  if (deterministic_bytes(message) != payload || message.digest() != digest_of(message))
    throw FileError(file, "digest", "does not match the content, which is damaged");
  Signature signature = with_file_errors(file, "content", [&] { return from_proto(message); });
  check_signature(file, signature);
  return signature;
}

std::string encode(const std::filesystem::path& file, const Signature& signature) {
  v1::Signature message = with_file_errors(file, "content", [&] { return to_proto(signature); });
  message.set_digest(digest_of(message));
  const std::string payload = deterministic_bytes(message);
  if (payload.size() > kMaxPayloadBytes)
    throw FileError(file, "length", std::to_string(payload.size()) + " bytes are too many");
  std::string bytes(kMagic);
  append_little_endian(bytes, kFormatVersion, 4);
  append_little_endian(bytes, payload.size(), 8);
  return bytes + payload;
}

[[noreturn]] void fail(const std::filesystem::path& file, const char* what) {
  throw FileError(file, what, std::generic_category().message(errno));
}

std::string load(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) throw FileError(file, "open", error.message());
  if (!std::filesystem::is_regular_file(status)) throw FileError(file, "open", "not a file");
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail(file, "open");
  // In pieces, so that memory follows what the file really holds, and size is judged by what was
  // read: one piece more than a file may have is enough to refuse it.
  std::string bytes;
  std::array<char, 65'536> piece;
  while (stream && bytes.size() <= kHeaderBytes + kMaxPayloadBytes) {
    stream.read(piece.data(), piece.size());
    bytes.append(piece.data(), static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad()) fail(file, "read");
  if (bytes.size() > kHeaderBytes + kMaxPayloadBytes)
    throw FileError(file, "length", "larger than a signature can be");
  return bytes;
}

}  // namespace

Signature read_signature(const std::filesystem::path& file) { return decode(file, load(file)); }

bool is_signature_file(const std::filesystem::path& file) { return begins_with(file, kMagic); }

void write_signature(const std::filesystem::path& file, Signature signature) {
  const std::string bytes = encode(file, signature);
  decode(file, bytes);
  replace_file(file, bytes);
}

}  // namespace azimuth
