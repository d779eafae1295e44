#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/decoded_rows.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

/// A tensor as its file holds it, of any type.
struct StoredTensor {
  std::string name;
  RawNumbers raw;

  bool is(std::string_view type) const { return raw.type == type; }
  std::int64_t size() const;  ///< numbers

  /// Throws std::invalid_argument, naming the tensor.
  [[noreturn]] void fail(const std::string& why) const;
  /// The same, unless it has this type and shape.
  void expect(std::string_view type, const std::vector<std::int64_t>& shape) const;
};

/// The tensors of a checkpoint by name, from which the pieces of quantised matrices are taken and
/// to which matrices are added. Throws std::invalid_argument, naming the tensor.
class StoredTensors {
 public:
  explicit StoredTensors(NamedTensors tensors);

  /// What stands before `ending` in the names that end so, of tensors that were not taken, in
  /// order.
  std::vector<std::string> before(std::string_view ending) const;

  /// Null: there is none.
  const StoredTensor* find(const std::string& name) const;

  /// Takes it out; that it is missing is an error, where it is needed for `whose`.
  StoredTensor take(const std::string& name, const std::string& whose);
  std::optional<StoredTensor> take_if_there(const std::string& name);

  /// A matrix in the place of its pieces.
  void add(const std::string& name, std::vector<std::int64_t> shape,
           std::shared_ptr<const DecodedRows> rows);

  std::size_t added() const { return added_.size(); }

  /// All tensors that were not taken, and those that were added.
  NamedTensors finish() &&;

 private:
  NamedTensors tensors_;
  std::map<std::string, StoredTensor, std::less<>> by_name_;  // those that were not taken
  std::vector<NamedTensor> added_;
  std::vector<std::shared_ptr<const DecodedRows>> rows_;
};

}  // namespace azimuth
