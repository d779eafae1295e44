#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "integrations/checkpoints/gguf/gguf_writer.h"

/// Makes pickles, valid or not, of pieces that each leave one value.
namespace azimuth::testing {

inline std::string pickle_of(const std::string& value) { return "\x80\x02" + value + "."; }

inline std::string text_of(const std::string& text) {
  return "X" + raw(static_cast<std::uint32_t>(text.size())) + text;
}

inline std::string integer_of(std::int64_t number) { return "\x8a\x08" + raw(number); }

inline std::string global_of(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}

inline std::string tuple_of(const std::vector<std::string>& values) {
  std::string all = "(";
  for (const std::string& value : values) all += value;
  return all + "t";
}

inline std::string integers_of(const std::vector<std::int64_t>& numbers) {
  std::vector<std::string> values;
  for (const std::int64_t number : numbers) values.push_back(integer_of(number));
  return tuple_of(values);
}

inline std::string call_of(const std::string& module, const std::string& name,
                           const std::vector<std::string>& arguments) {
  return global_of(module, name) + tuple_of(arguments) + "R";
}

inline std::string dict_of(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string all = "}(";
  for (const auto& [key, value] : items) all += text_of(key) + value;
  return all + "u";
}

inline std::string storage_of(const std::string& type, const std::string& key,
                              std::int64_t numbers) {
  return tuple_of({text_of("storage"), global_of("torch", type), text_of(key), text_of("cpu"),
                   integer_of(numbers)}) +
         "Q";
}

inline std::string tensor_of(const std::string& type, const std::string& key, std::int64_t numbers,
                             std::int64_t offset, const std::vector<std::int64_t>& shape,
                             const std::vector<std::int64_t>& strides) {
  return call_of("torch._utils", "_rebuild_tensor_v2",
                 {storage_of(type, key, numbers), integer_of(offset), integers_of(shape),
                  integers_of(strides), "\x89", call_of("collections", "OrderedDict", {})});
}

/// Of the six numbers of storage 0.
inline std::string matrix_of(std::int64_t offset, const std::vector<std::int64_t>& shape,
                             const std::vector<std::int64_t>& strides) {
  return tensor_of("FloatStorage", "0", 6, offset, shape, strides);
}

inline std::string small_matrix() { return matrix_of(0, {2, 3}, {3, 1}); }

}  // namespace azimuth::testing
