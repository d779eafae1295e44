#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>

namespace azimuth::examples {

/// The ids in a file of tokens of the model in `checkpoint`, as a vector of int64. Throws FileError,
/// as read_token_ids and refuse_tokens_of_another do.
at::Tensor token_ids(const std::filesystem::path& file, const std::filesystem::path& checkpoint,
                     std::int64_t vocab);

}  // namespace azimuth::examples
