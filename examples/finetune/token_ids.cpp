#include "token_ids.h"

#include <torch/types.h>

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace azimuth::examples {

torch::Tensor read_token_ids(const std::filesystem::path& file, std::int64_t vocab) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in || bytes.empty()) {
    throw std::runtime_error(file.string() + ": token ids: cannot be read, or empty");
  }
  if (bytes.size() % 2 != 0) {
    throw std::runtime_error(file.string() + ": token ids: an odd number of bytes");
  }
  std::vector<std::int64_t> ids;
  ids.reserve(bytes.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const auto low = static_cast<unsigned char>(bytes[i]);
    const auto high = static_cast<unsigned char>(bytes[i + 1]);
    ids.push_back(low | high << 8);
    if (ids.back() >= vocab) {
      throw std::runtime_error(file.string() + ": token ids: id " + std::to_string(ids.back()) +
                               " is outside the model's vocabulary");
    }
  }
  return torch::tensor(ids, torch::kInt64);
}

}  // namespace azimuth::examples
