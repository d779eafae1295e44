#include "token_ids.h"

#include <torch/types.h>

#include "azimuth/token_ids.h"

namespace azimuth::examples {

torch::Tensor token_ids(const std::filesystem::path& file, const std::filesystem::path& checkpoint,
                        std::int64_t vocab) {
  const TokenIds tokens = read_token_ids(file);
  refuse_tokens_of_another(tokens, checkpoint, vocab);
  return torch::tensor(tokens.ids, torch::kInt64);
}

}  // namespace azimuth::examples
