#include "azimuth/text_windows.h"

#include <torch/types.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace azimuth {

TextWindows::TextWindows(const TokenIds& tokens, const TextCut& cut) {
  if (cut.length < 2) throw std::invalid_argument("a sequence has two tokens at least");
  if (cut.sequences < 0 || cut.most < 1 || cut.least < 1) {
    throw std::invalid_argument("a text has one sequence at least");
  }
  const std::int64_t own = cut.length - (cut.first_token ? 1 : 0);
  const std::int64_t there = std::ssize(tokens.ids) / own;
  const std::int64_t wanted = cut.sequences == 0 ? cut.least : cut.sequences;
  if (there < wanted) {
    throw FileError(tokens.file, "token ids",
                    "has " + std::to_string(tokens.ids.size()) + " tokens, where " +
                        std::to_string(wanted) + (wanted == 1 ? " sequence" : " sequences") +
                        " of " + std::to_string(cut.length) + " take " +
                        std::to_string(wanted * own));
  }
  const std::int64_t count = cut.sequences == 0 ? std::min(there, cut.most) : wanted;
  tokens_ = count * own;
  ids_ = torch::tensor(torch::IntArrayRef(tokens.ids.data(), static_cast<std::size_t>(tokens_)),
                       torch::kInt64)
             .view({count, own});
  if (cut.first_token) {
    ids_ = torch::cat({torch::full({count, 1}, *cut.first_token, torch::kInt64), ids_}, 1);
  }
}

}  // namespace azimuth
