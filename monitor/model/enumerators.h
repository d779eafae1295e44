#pragma once

#include <string_view>

namespace azimuth {

/// Whether an enumeration has a name for a value: with it a table can check, as it is compiled,
/// that it ends where the enumeration ends.
template <auto value>
constexpr bool is_enumerator() {
  // GCC and Clang write "value = azimuth::Role::head_bias", but "value = (azimuth::Role)38" where
  // there is no name.
  return std::string_view(__PRETTY_FUNCTION__).find("value = (") == std::string_view::npos;
}

}  // namespace azimuth
