#include "text/opened_text.h"

#include "azimuth/joined.h"
#include "azimuth/token_ids.h"
#include "azimuth/token_strings.h"

namespace azimuth::cli {

namespace {

std::optional<std::int64_t> first_token_of(const std::string& checkpoint, std::int64_t vocab_size) {
  const std::optional<std::int64_t> id = read_first_token(checkpoint);
  if (id && *id >= vocab_size) {
    throw FileError(checkpoint, "tokenizer",
                    "begins every text with the id " + std::to_string(*id) +
                        ", beyond the model's vocabulary of " + std::to_string(vocab_size));
  }
  return id;
}

}  // namespace

OpenedWindows open_windows(const ModelWeights& weights, const std::string& checkpoint,
                           const TextOptions& options, std::int64_t most, std::int64_t behind) {
  const TokenIds tokens = read_token_ids(options.ids);
  refuse_tokens_of_another(tokens, checkpoint, weights.vocab_size());
  const TextCut cut = {.length = options.length,
                       .sequences = options.sequences == 0 ? 0 : options.sequences + behind,
                       .most = most + behind,
                       .least = 1 + behind,
                       .first_token = first_token_of(checkpoint, weights.vocab_size())};
  return {TextWindows(tokens, cut), tokens.digest, cut.first_token.value_or(-1)};
}

OpenedText open_text(const ModelWeights& weights, const std::string& checkpoint,
                     const TextOptions& options, std::int64_t most, std::int64_t behind) {
  OpenedWindows text = open_windows(weights, checkpoint, options, most, behind);
  const std::string why = Decoder::why_not(weights);
  if (!why.empty()) {
    throw FileError(
        checkpoint, "decoder",
        why + "; families that can be run from Hugging Face files: " + joined(Decoder::families()));
  }
  return {Decoder(weights, at::kCPU, at::kFloat), std::move(text)};
}

}  // namespace azimuth::cli
