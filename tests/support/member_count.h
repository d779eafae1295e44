#pragma once

#include <cstddef>

namespace azimuth::testing {

struct Anything {
  template <class T>
  operator T() const;
};

/// How many members an aggregate has, so that a list of them can be held to be complete.
template <class Aggregate, class... Initialisers>
consteval std::size_t member_count() {
  if constexpr (requires { Aggregate{Initialisers{}..., Anything{}}; }) {
    return member_count<Aggregate, Initialisers..., Anything>();
  } else {
    return sizeof...(Initialisers);
  }
}

}  // namespace azimuth::testing
