#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace azimuth {

/// "layers.{}.norm.weight" of "layers.3.norm.weight": parts that are numbers become holes.
std::string pattern_of(std::string_view name);

/// At most `count` of `names`, each once, those first that look most like one of `wanted`: by the
/// pairs of letters that they share (Dice's coefficient).
std::vector<std::string> nearest(std::span<const std::string> names,
                                 std::span<const std::string> wanted, std::size_t count);

}  // namespace azimuth
