#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <optional>

#include "azimuth/token_ids.h"

namespace azimuth {

/// How a text is cut.
struct TextCut {
  std::int64_t length = 512;   ///< tokens of a sequence, `first_token` among them; at least 2
  std::int64_t sequences = 0;  ///< so many, from the beginning; 0: all, but not more than `most`
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
  std::int64_t least = 1;  ///< of all
  /// What stands in front of each sequence, as the model's tokenizer begins a text; without a
  /// value, nothing.
  std::optional<std::int64_t> first_token = std::nullopt;
};

/// The sequences of a text that a model reads: one behind the other, none overlaps. Tokens at the
/// end that fill no sequence are left out. May be read from several threads.
///
///     const TokenIds tokens = read_token_ids("opticks.ids");
///     refuse_tokens_of_another(tokens, checkpoint, decoder.vocab_size());
///     const TextWindows text(tokens, {.sequences = 8});
///     const at::Tensor logits = decoder.forward(text.sequence(0));
class TextWindows {
 public:
  /// Throws FileError, about the file of ids, where it has fewer sequences than wanted, or none;
  /// std::invalid_argument for a length below 2, or a number of sequences below 0, or `most` or
  /// `least` below 1.
  TextWindows(const TokenIds& tokens, const TextCut& cut);

  std::int64_t size() const { return ids_.size(0); }
  std::int64_t length() const { return ids_.size(1); }
  /// Tokens of the text in all sequences, `first_token` apart.
  std::int64_t tokens() const { return tokens_; }
  /// {1, length} of int64, in host memory; `index` from 0.
  at::Tensor sequence(std::int64_t index) const { return ids_.narrow(0, index, 1); }
  /// All of them, {size, length}.
  at::Tensor sequences() const { return ids_; }

 private:
  std::int64_t tokens_ = 0;
  at::Tensor ids_;  // sequences × length
};

}  // namespace azimuth
