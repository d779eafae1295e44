#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "pytorch/pickle_value.h"

namespace azimuth {

/// Reads the pickle that begins at byte `begin` of `bytes`, as PyTorch writes it (protocols 2 to 5
/// of https://docs.python.org/3/library/pickle.html). A pickle is a program that builds values and
/// can call anything; this one knows how to build values, and of the calls those that PyTorch puts
/// into checkpoints, which it recognises and does not make. In the place of everything else it puts
/// `PickleKind::unknown`, for the caller to skip or to refuse. Memory stays in proportion to the
/// bytes read, and nothing recurses.
///
/// Throws FileError, naming `file` and `what`: not complete, damaged, or an opcode that PyTorch
/// does not write.
Pickle read_pickle(const std::filesystem::path& file, std::string_view what,
                   std::span<const std::byte> bytes, std::size_t begin = 0);

}  // namespace azimuth
