#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

namespace azimuth {

struct PickleGlobal;

enum class PickleKind : std::uint8_t {
  none,
  boolean,       ///< `number`
  integer,       ///< `number`
  long_integer,  ///< `text`: more than 8 bytes, little-endian
  text,          ///< `text`: UTF-8
  opaque,        ///< what no tensor is made of: floats, bytes, sets, devices
  global,        ///< `global`; `text` is its name
  tuple,         ///< `items`: the members
  list,          ///< `items`: the members
  dict,          ///< `items`: key, value, key, value ...
  record,        ///< `items`: none, or one, the state: an instance of a class, which is not made
  storage,       ///< `items`: 'storage', its type, key, location, number of elements ...
  tensor,        ///< `items`: the arguments of torch._utils._rebuild_tensor_v2 or its like
  unknown,       ///< `items`: module and name of a global that no state dict needs; stands for what
                 ///< it is, and for all that calling it would give
};

/// A value of a pickle. Values that are shared are shared here too: a copy takes no memory of its
/// own, so that a small file cannot grow.
struct PickleValue {
  PickleKind kind = PickleKind::none;
  std::int64_t number = 0;
  const PickleGlobal* global = nullptr;
  std::vector<PickleValue>* items = nullptr;
  std::string_view text = {};  ///< in the file, or in the table of globals
};

/// What a pickle holds. Text points into the file's bytes.
struct Pickle {
  PickleValue root;
  std::size_t end = 0;     ///< where what follows it begins
  std::size_t values = 0;  ///< how many it is made of
  std::deque<std::vector<PickleValue>> items;
  std::vector<PickleValue> storages;
  std::vector<PickleValue> unknown_storages;  ///< of types that no state dict needs: the tuples
};

}  // namespace azimuth
