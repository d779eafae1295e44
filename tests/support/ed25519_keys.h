#pragma once

#include <array>

namespace azimuth::testing {

/// A key pair as OpenSSL writes it.
struct KeyPair {
  const char* private_pem;
  const char* public_pem;
};

/// The first two of RFC 8032, section 7.1.
inline constexpr std::array<KeyPair, 2> kKeyPairs = {
    KeyPair{"-----BEGIN PRIVATE KEY-----\n"
            "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
            "-----END PRIVATE KEY-----\n",
            "-----BEGIN PUBLIC KEY-----\n"
            "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
            "-----END PUBLIC KEY-----\n"},
    KeyPair{"-----BEGIN PRIVATE KEY-----\n"
            "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
            "-----END PRIVATE KEY-----\n",
            "-----BEGIN PUBLIC KEY-----\n"
            "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
            "-----END PUBLIC KEY-----\n"}};

}  // namespace azimuth::testing
