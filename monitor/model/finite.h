#pragma once

#include <cstdint>

#include "azimuth/tensor_view.h"

namespace azimuth {

class Workers;

/// Whether no number of one row is NaN or infinite.
bool is_finite(const TensorView& view, std::int64_t row);

/// The same of a whole tensor, in host memory or on a device.
bool is_finite(const NamedTensor& tensor, Workers& workers);

}  // namespace azimuth
