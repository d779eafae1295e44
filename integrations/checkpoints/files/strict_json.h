#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

namespace azimuth {

/// Parses JSON (RFC 8259, UTF-8) that may be hostile. Throws FileError, naming `file` and `what`:
/// no JSON, a key twice in one object (nlohmann would keep one of them), values nested more than 32
/// deep, or more than `max_values` of them, which is what bounds the memory.
///
/// `Json` is nlohmann::json, or nlohmann::ordered_json for small texts whose order counts: looking
/// a key up there takes time in proportion to the keys.
template <class Json>
Json parse_json(const std::filesystem::path& file, std::string_view what, std::string_view text,
                std::size_t max_values);

/// The same for a whole file of at most `max_bytes`.
template <class Json>
Json parse_json_file(const std::filesystem::path& file, std::size_t max_bytes,
                     std::size_t max_values);

}  // namespace azimuth
