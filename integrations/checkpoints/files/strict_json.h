#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
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

/// Hands the values of a whole file of at most `max_bytes` to `reader`, one after another, and
/// keeps none of them; as strict as parse_json, and with the same errors.
void read_json_file(const std::filesystem::path& file, std::size_t max_bytes,
                    std::size_t max_values, nlohmann::json_sax<nlohmann::json>& reader);

/// Parses JSON as Python writes it, of what people and programs put into a config.json: as above,
/// but for two things. `NaN`, `Infinity` and `-Infinity` are floating-point numbers, and so is
/// `{"__float__": "Infinity"}`, as Transformers 5 writes them. And of an array or object of more
/// than 10,000 members (the labels of a classifier) only that it is there is kept, so that memory
/// and time stay bounded; throws FileError where the outermost has more, more than 100,000 values
/// are left, or there were more than 1,000,000. It is put down as an array that holds one string:
/// no number, string, flag or object, so that a reader which needs the value refuses it.
nlohmann::ordered_json parse_python_json(const std::filesystem::path& file, std::string_view what,
                                         std::string_view text);

/// The same for a whole file of at most `max_bytes`.
nlohmann::ordered_json parse_python_json_file(const std::filesystem::path& file,
                                              std::size_t max_bytes);

/// Of what stands for too many members, "has more than 10000 members"; of any other value, nothing.
std::string why_left_out(const nlohmann::ordered_json& value);

}  // namespace azimuth
