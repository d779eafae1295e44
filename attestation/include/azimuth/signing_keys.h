#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace azimuth {

/// Ed25519 keys (RFC 8032) in PEM files as OpenSSL writes them, of at most 64 KiB:
///
///     openssl genpkey -algorithm ed25519 -out key.pem
///     openssl pkey -in key.pem -pubout -out pub.pem
///
/// Any number of threads may use one key at once. A copy is the same key.

/// To sign with: PKCS#8.
class SigningKey {
 public:
  /// Throws FileError: what cannot be read, is encrypted, a public key, or of another algorithm.
  static SigningKey read(const std::filesystem::path& file);

  /// 64 bytes. Throws std::runtime_error if libcrypto fails.
  std::string sign(std::string_view message) const;

  /// By which signatures name it: SHA-256 over securesystemslib's canonical JSON of the public key,
  /// in hexadecimal.
  const std::string& id() const { return id_; }

 private:
  SigningKey(std::shared_ptr<void> key, std::string id);
  std::shared_ptr<void> key_;
  std::string id_;
};

/// To verify with: SubjectPublicKeyInfo.
class VerifyingKey {
 public:
  /// Throws FileError: what cannot be read, is a private key, or of another algorithm.
  static VerifyingKey read(const std::filesystem::path& file);

  /// Whether `signature` is of exactly this message. Anything may be given.
  bool verifies(std::string_view message, std::string_view signature) const;

  /// As SigningKey::id().
  const std::string& id() const { return ids_.front(); }

  /// Whether a signature that names `id` may be of this key: id(), SHA-256 of the DER in the file
  /// in hexadecimal, or nothing.
  bool is_named(std::string_view id) const;

 private:
  VerifyingKey(std::shared_ptr<void> key, std::vector<std::string> ids);
  std::shared_ptr<void> key_;
  std::vector<std::string> ids_;
};

}  // namespace azimuth
