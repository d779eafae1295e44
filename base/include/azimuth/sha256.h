#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace azimuth {

/// SHA-256 as it goes. libcrypto underneath; throws std::runtime_error if that fails.
class Sha256 {
 public:
  Sha256();
  void add(const void* data, std::size_t bytes);
  void add(std::string_view text) { add(text.data(), text.size()); }
  std::string hexadecimal();  ///< ends the sum

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

}  // namespace azimuth
