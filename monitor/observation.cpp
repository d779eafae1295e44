#include "azimuth/observation.h"

namespace azimuth {

std::string_view name_of(State state) {
  switch (state) {
    case State::unspecified:
      return "unspecified";
    case State::absent:
      return "absent";
    case State::emerging:
      return "emerging";
    case State::settling:
      return "settling";
    case State::stable:
      return "stable";
    case State::drifting:
      return "drifting";
    case State::changed:
      return "changed";
  }
  return "unspecified";
}

std::string_view name_of(ReferenceNorm reference) {
  return reference == ReferenceNorm::activations ? "activations" : "zero_attention";
}

}  // namespace azimuth
