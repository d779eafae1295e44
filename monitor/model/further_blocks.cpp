#include "azimuth/further_blocks.h"

namespace azimuth {

std::vector<std::string> leave_further_blocks_out(std::string_view stem, std::int64_t blocks,
                                                  std::int64_t further, NamedTensors& tensors) {
  std::vector<std::string> lines;
  for (std::int64_t block = blocks; block < blocks + further; ++block) {
    const std::string part = std::string(stem) + std::to_string(block) + ".";
    const auto is_of_it = [&](const auto& tensor) {
      const std::size_t at = tensor.name.find(part);
      return at == 0 || (at != std::string::npos && tensor.name[at - 1] == '.');
    };
    const auto count =
        std::erase_if(tensors.tensors, is_of_it) + std::erase_if(tensors.unreadable, is_of_it);
    if (count == 0) continue;
    lines.push_back(std::to_string(count) + (count == 1 ? " tensor" : " tensors") + " of block " +
                    std::to_string(block + 1) + (count == 1 ? " is" : " are") +
                    " not used: it stands behind the " + std::to_string(blocks) +
                    " of the model, and predicts further tokens");
  }
  return lines;
}

}  // namespace azimuth
