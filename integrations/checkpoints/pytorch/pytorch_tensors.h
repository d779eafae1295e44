#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "azimuth/tensor_view.h"
#include "pytorch/pickle_value.h"

namespace azimuth {

/// The tensors of a checkpoint, where they lie. Those whose numbers are not in a row are copied,
/// and the storages of float32 numbers that do not lie on multiples of 4 bytes. Copies of both
/// kinds take at most the size of the file each (at least 1 MiB is allowed), whatever it says.
class PyTorchTensors {
 public:
  using Storage = std::function<std::span<const std::byte>(std::string_view key)>;

  PyTorchTensors(const std::filesystem::path& file, std::size_t file_bytes);

  /// Throws FileError, naming the tensor: a name that appears twice, numbers outside its storage.
  void add(std::string name, const PickleValue& value, const Storage& storage);

  /// Of every type.
  bool has(std::string_view name) const { return names_.contains(name); }

  /// Of the three types that are read.
  const std::vector<NamedTensor>& tensors() const { return tensors_; }

  /// All others.
  const std::vector<UnreadableTensor>& unreadable() const { return unreadable_; }

  /// Tensors that are one in memory count once.
  std::int64_t parameter_count() const { return parameter_count_; }

 private:
  /// What PyTorch says of a tensor. Counted in numbers.
  struct Layout {
    StoredType type;
    std::size_t number_bytes;
    std::span<const std::byte> storage;
    std::int64_t offset = 0;
    std::vector<std::int64_t> shape = {};
    std::vector<std::int64_t> strides = {};
  };

  [[noreturn]] void fail(std::string_view why) const;
  std::vector<std::int64_t> natural_numbers(const PickleValue& tuple, std::string_view what) const;
  std::span<const std::byte> find_storage(const PickleValue& value, const Storage& storage) const;
  void check_bounds(const Layout& layout) const;
  const std::byte* place(const Layout& layout);
  const std::byte* align(std::span<const std::byte> storage);
  const std::byte* put_in_a_row(const Layout& layout);

  std::filesystem::path file_;
  std::size_t budget_;
  std::string name_;  // of the tensor that is read
  std::set<std::string, std::less<>> names_;
  std::vector<NamedTensor> tensors_;
  std::vector<UnreadableTensor> unreadable_;
  std::int64_t parameter_count_ = 0;
  using Place = std::tuple<const std::byte*, std::int64_t, std::vector<std::int64_t>,
                           std::vector<std::int64_t>>;
  std::map<Place, const std::byte*> places_;
  std::map<const std::byte*, std::unique_ptr<float[]>> aligned_;
  std::vector<std::unique_ptr<std::byte[]>> rows_;
};

}  // namespace azimuth
