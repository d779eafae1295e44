#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "azimuth/architecture.h"

namespace azimuth {

/// For each output of a fused query-key-value matrix as it is stored (`architecture.qkv_layout`),
/// which output it is in another layout.
std::vector<Eigen::Index> qkv_rows(const Architecture& architecture, std::int64_t head_size,
                                   QkvLayout other);

}  // namespace azimuth
