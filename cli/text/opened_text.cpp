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
                           const TextOptions& options, std::int64_t most) {
  const TokenIds tokens = read_token_ids(options.ids);
  refuse_tokens_of_another(tokens, checkpoint, weights.vocab_size());
  const TextCut cut = {.length = options.length,
                       .sequences = options.sequences,
                       .most = most,
                       .first_token = first_token_of(checkpoint, weights.vocab_size())};
  return {TextWindows(tokens, cut), tokens.digest, cut.first_token.value_or(-1)};
}

OpenedText open_text(const ModelWeights& weights, const std::string& checkpoint,
                     const TextOptions& options, std::int64_t most) {
  auto [windows, digest, first_token] = open_windows(weights, checkpoint, options, most);
  const std::string why = Decoder::why_not(weights);
  if (!why.empty()) {
    throw FileError(checkpoint, "decoder",
                    why + "; those that can be run: " + joined(Decoder::families()));
  }
  TextObservation method;
  method.ids_digest = digest;
  method.sequences = windows.size();
  method.length = windows.length();
  method.first_token_id = first_token;
  return {Decoder(weights, at::kCPU, at::kFloat), std::move(windows), std::move(method)};
}

}  // namespace azimuth::cli
