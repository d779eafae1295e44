#pragma once

#include <cstddef>
#include <span>

namespace azimuth {

/// What a signal handler must know of one mapping; others follow.
struct WatchedMapping;

/// From now on `message` is what exit_when_a_file_shrinks prints when `bytes` cannot be read any
/// more. Both must stay until `forget`.
WatchedMapping* watch_mapping(std::span<const std::byte> bytes, const char* message);
void forget_mapping(WatchedMapping* mapping);

}  // namespace azimuth
