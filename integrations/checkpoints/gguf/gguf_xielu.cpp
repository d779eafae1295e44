#include "gguf/gguf_xielu.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace azimuth {

void add_xielu(const GgufFile& file, std::int64_t blocks, NamedTensors& tensors) {
  struct Storage {
    std::shared_ptr<const void> before;
    std::vector<float> numbers;
  };
  const auto storage = std::make_shared<Storage>();
  storage->before = std::move(tensors.storage);
  std::vector<std::string> names;
  for (const std::string key : {"xielu.alpha_p", "xielu.alpha_n", "xielu.beta", "xielu.eps"}) {
    const std::vector<double> numbers =
        file.is_array(key) ? file.reals(key)
                           : std::vector(static_cast<std::size_t>(blocks), file.real(key));
    if (std::ssize(numbers) != blocks) {
      throw FileError(file.path(), "key " + key,
                      "holds " + std::to_string(numbers.size()) + " numbers where there are " +
                          std::to_string(blocks) + " blocks");
    }
    for (std::int64_t block = 0; block < blocks; ++block) {
      storage->numbers.push_back(static_cast<float>(numbers[static_cast<std::size_t>(block)]));
      names.push_back("blk." + std::to_string(block) + "." + key);
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    NamedTensor one;
    one.name = std::move(names[i]);
    one.view = {StoredType::f32, {1}, reinterpret_cast<const std::byte*>(&storage->numbers[i])};
    tensors.tensors.push_back(std::move(one));
  }
  tensors.parameter_count += std::ssize(storage->numbers);
  tensors.storage = storage;
}

}  // namespace azimuth
