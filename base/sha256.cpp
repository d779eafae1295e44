#include "azimuth/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

#include "azimuth/hexadecimal.h"

namespace azimuth {

void Sha256::Free::operator()(void* context) const {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context));
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_ ||
      EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("libcrypto does not offer SHA-256");
  }
}

void Sha256::add(const void* data, std::size_t bytes) {
  if (EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_.get()), data, bytes) != 1) {
    throw std::runtime_error("SHA-256 failed");
  }
}

std::string Sha256::hexadecimal() {
  std::array<unsigned char, 32> sum{};
  if (EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_.get()), sum.data(), nullptr) != 1) {
    throw std::runtime_error("SHA-256 failed");
  }
  return azimuth::hexadecimal({reinterpret_cast<const char*>(sum.data()), sum.size()});
}

}  // namespace azimuth
