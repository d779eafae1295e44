#include "azimuth/signing_keys.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <utility>

#include "azimuth/file_error.h"
#include "azimuth/hexadecimal.h"
#include "azimuth/sha256.h"
#include "integrations/checkpoints/files/mapped_file.h"

namespace azimuth {
namespace {

constexpr std::size_t kMaxKeyBytes = 64 << 10;
constexpr std::size_t kPublicBytes = 32;
constexpr std::size_t kSignatureBytes = 64;

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

EVP_PKEY* pkey(const std::shared_ptr<void>& key) { return static_cast<EVP_PKEY*>(key.get()); }

/// Instead of asking on the terminal.
int note_encryption(char*, int, int, void* encrypted) {
  *static_cast<bool*>(encrypted) = true;
  return -1;
}

std::shared_ptr<void> checked(const std::filesystem::path& file, EVP_PKEY* read) {
  ERR_clear_error();  // of what was tried; what matters is said below
  std::shared_ptr<void> key(read, [](void* k) { EVP_PKEY_free(static_cast<EVP_PKEY*>(k)); });
  if (key && EVP_PKEY_id(read) != EVP_PKEY_ED25519) {
    throw FileError(file, "key",
                    "is not of Ed25519: 'openssl genpkey -algorithm ed25519' makes one");
  }
  return key;
}

/// The text of a key file, and a reader of it.
struct PemFile {
  explicit PemFile(const std::filesystem::path& file) : mapping(file) {
    const auto bytes = mapping.bytes();
    if (bytes.size() > kMaxKeyBytes) {
      throw FileError(file, "key", "is larger than a key can be");
    }
    text = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    bio.reset(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
    if (!bio) throw std::bad_alloc();
  }
  bool has(std::string_view label) const {
    return text.find("-----BEGIN " + std::string(label) + "-----") != std::string_view::npos;
  }

  MappedFile mapping;
  std::string_view text;
  std::unique_ptr<BIO, decltype(&BIO_free)> bio{nullptr, &BIO_free};
};

std::string public_bytes(EVP_PKEY* key) {
  std::string bytes(kPublicBytes, '\0');
  std::size_t size = bytes.size();
  if (EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(bytes.data()), &size) !=
          1 ||
      size != kPublicBytes) {
    throw std::runtime_error("libcrypto does not give the bytes of a key");
  }
  return bytes;
}

std::string sha256(std::string_view text) {
  Sha256 sum;
  sum.add(text);
  return sum.hexadecimal();
}

/// securesystemslib.signer: compute_default_keyid().
std::string id_of(EVP_PKEY* key) {
  return sha256(R"({"keytype":"ed25519","keyval":{"public":")" + hexadecimal(public_bytes(key)) +
                R"("},"scheme":"ed25519"})");
}

std::string sha256_of_der(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) throw std::runtime_error("libcrypto does not encode a key");
  std::string sum = sha256({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return sum;
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

SigningKey::SigningKey(std::shared_ptr<void> key, std::string id)
    : key_(std::move(key)), id_(std::move(id)) {}

SigningKey SigningKey::read(const std::filesystem::path& file) {
  const PemFile pem(file);
  bool encrypted = false;
  auto key =
      checked(file, PEM_read_bio_PrivateKey(pem.bio.get(), nullptr, &note_encryption, &encrypted));
  if (encrypted) {
    throw FileError(file, "key",
                    "is encrypted, and no password is asked for: 'openssl pkey -in FILE -out "
                    "PLAIN' makes one that is not");
  }
  if (!key && pem.has("PUBLIC KEY")) {
    throw FileError(file, "key", "is a public key, and what signs is the private one");
  }
  if (!key) {
    throw FileError(file, "key",
                    "is not a private key in PEM, as 'openssl genpkey -algorithm ed25519' writes");
  }
  std::string id = id_of(pkey(key));
  return {std::move(key), std::move(id)};
}

std::string SigningKey::sign(std::string_view message) const {
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::string signature(kSignatureBytes, '\0');
  std::size_t size = signature.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pkey(key_)) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     bytes_of(message), message.size()) != 1 ||
      size != kSignatureBytes) {
    throw std::runtime_error("libcrypto does not sign with Ed25519");
  }
  return signature;
}

VerifyingKey::VerifyingKey(std::shared_ptr<void> key, std::vector<std::string> ids)
    : key_(std::move(key)), ids_(std::move(ids)) {}

VerifyingKey VerifyingKey::read(const std::filesystem::path& file) {
  const PemFile pem(file);
  bool encrypted = false;  // of a private key in its place
  auto key =
      checked(file, PEM_read_bio_PUBKEY(pem.bio.get(), nullptr, &note_encryption, &encrypted));
  if (!key && (pem.has("PRIVATE KEY") || pem.has("ENCRYPTED PRIVATE KEY"))) {
    throw FileError(file, "key",
                    "is a private key, and what verifies is the public one: 'openssl pkey -in FILE "
                    "-pubout -out PUBLIC' writes it");
  }
  if (!key) {
    throw FileError(file, "key", "is not a public key in PEM, as 'openssl pkey -pubout' writes");
  }
  std::vector<std::string> ids = {id_of(pkey(key)), sha256_of_der(pkey(key))};
  return {std::move(key), std::move(ids)};
}

bool VerifyingKey::verifies(std::string_view message, std::string_view signature) const {
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey(key_)) != 1) {
    throw std::runtime_error("libcrypto does not verify Ed25519");
  }
  const bool good = EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(),
                                     bytes_of(message), message.size()) == 1;
  ERR_clear_error();
  return good;
}

bool VerifyingKey::is_named(std::string_view id) const {
  return id.empty() || std::ranges::find(ids_, id) != ids_.end();
}

}  // namespace azimuth
