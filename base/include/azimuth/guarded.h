#pragma once

#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace azimuth {

/// Calls `f`; gives what it threw, as words. Nothing that a user's code throws may leave one of
/// Azimuth's threads or reach the one that trains.
template <class F>
std::optional<std::string> guarded(F&& f) noexcept {
  try {
    std::forward<F>(f)();
    return std::nullopt;
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

}  // namespace azimuth
