#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>

namespace azimuth::examples {

/// The ids in a file of unsigned 16-bit little-endian integers, as a vector of int64. Throws
/// std::runtime_error if the file cannot be read or holds an id that the vocabulary does not have.
at::Tensor read_token_ids(const std::filesystem::path& file, std::int64_t vocab);

}  // namespace azimuth::examples
