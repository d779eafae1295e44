#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace azimuth {

/// What is special in one of two models: for a probe that is to be that of both. In the order of
/// the first where both have the same, else ascending.
inline std::vector<std::int64_t> joined_special_ids(std::vector<std::int64_t> ids,
                                                    const std::vector<std::int64_t>& others) {
  if (ids == others) return ids;
  ids.insert(ids.end(), others.begin(), others.end());
  std::ranges::sort(ids);
  const auto repeated = std::ranges::unique(ids);
  ids.erase(repeated.begin(), repeated.end());
  return ids;
}

}  // namespace azimuth
