#pragma once

#include <filesystem>

#include "azimuth/signature.h"

namespace azimuth {

/// Signature files: 8 bytes "AZSIG\r\n\x1a", the version of the format (32 bits) and the length of
/// what follows (64 bits), both little-endian, then an azimuth.v1.Signature. Its `digest` is
/// SHA-256, in hexadecimal, over the deterministic serialisation of all its other fields. The
/// digest tells damage, not forgery.
///
///     azimuth::write_signature("base.azsig", signature);
///     monitor.set_base(azimuth::read_signature("base.azsig"));
///
/// Any number of threads may call these. Reading and writing throw FileError and nothing else but
/// std::bad_alloc.

/// A file is taken for hostile: nothing larger than 16 MiB is read, and what is returned is
/// consistent: directions are unit vectors of `hidden_size` finite numbers, the direction is that
/// of the primary stage (or provisional, without one), blocks and stages lie within the model, and
/// there is one norm for each token.
Signature read_signature(const std::filesystem::path& file);

/// Whether a file begins as signature files do; false if it cannot be read.
bool is_signature_file(const std::filesystem::path& file);

/// Replaces `file` at once or not at all: readers see the old or the new one, never a part. Sets
/// `digest`, whatever it was. A signature that `read_signature` would not accept is not written.
void write_signature(const std::filesystem::path& file, Signature signature);

}  // namespace azimuth
