#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace azimuth {

/// Rotary positions (Su et al., arXiv 2104.09864): pairs of a head's numbers turn by position times
/// a frequency, `base^(-2 i / size)` of pair i, which a scaling changes.
struct Rotary {
  enum class Scaling {
    none,
    linear,    ///< every frequency through `factor`
    dynamic,   ///< a larger base, for sequences longer than `positions`
    yarn,      ///< low frequencies through `factor` (Peng et al., arXiv 2309.00071)
    longrope,  ///< each through a factor of its own (Ding et al., arXiv 2402.13753)
    llama3,    ///< low frequencies through `factor`, as Llama 3.1 has it
  };

  std::int64_t size = 0;    ///< numbers of a head that turn, the first ones; 0: all
  bool neighbours = false;  ///< pairs are neighbours; else they lie half of `size` apart
  double base = 10'000;
  Scaling scaling = Scaling::none;
  double factor = 1;
  double positions = 0;   ///< how many the model was first trained on; of `linear` none
  double slow = 1;        ///< turns over `positions` of the frequencies between which `yarn` and
  double fast = 32;       ///< `llama3` go from one to the other
  bool truncated = true;  ///< of `yarn`: these bounds are whole pairs
  double magnitude = 1;   ///< what is turned is multiplied with it
  std::vector<double> short_factors = {};  ///< of `longrope`, one a pair: up to `positions` tokens
  std::vector<double> long_factors = {};   ///< and for longer sequences

  bool operator==(const Rotary&) const = default;
};

/// Why nothing can turn by it in heads of this size, in words; empty: it can.
std::string why_not(const Rotary& rotary, std::int64_t head_size);

/// The frequencies of a sequence of so many tokens, one a pair: radians from a position to the
/// next.
std::vector<double> frequencies(const Rotary& rotary, std::int64_t head_size, std::int64_t tokens);

/// What attention adds to a logit by position, ALiBi (Press et al., arXiv 2108.12409): a slope of
/// the head times the key's position.
struct Alibi {
  double steepest = 8;    ///< slopes go down to 2 to minus this
  bool scaled = false;    ///< it is multiplied with the logits' scale too
  bool bfloat16 = false;  ///< it is rounded to that

  bool operator==(const Alibi&) const = default;
};

/// The slopes of so many heads.
std::vector<double> slopes(const Alibi& alibi, std::int64_t heads);

/// Which tokens attention reads, and how it knows where they are. Learned positions are added to
/// the embedding, and none of this.
struct AttentionReach {
  std::int64_t window = 0;  ///< the last so many tokens, itself included; 0: all up to itself
  std::optional<Rotary> rotary = {};
  std::optional<Alibi> alibi = {};

  bool operator==(const AttentionReach&) const = default;
};

/// What a sequence of several tokens, and logits, need beyond what one token does (`Architecture`):
/// a decoder reads it, and nothing of the analysis.
struct Sequences {
  /// Why it is not known, in words: a decoder refuses the model. Empty: it is known.
  std::string unknown = "how its attention takes positions is not known";
  std::vector<AttentionReach> attention = {};  ///< one a block, or one for all
  double attention_scale = 0;                  ///< of q·k; 0: 1 / √head_size
  double attention_cap = 0;          ///< logits become cap · tanh(x / cap); 0: they do not
  bool query_norms = false;          ///< queries and keys are normed
  bool norms_behind_rotary = false;  ///< after they have turned
  double logit_scale = 1;
  double logit_cap = 0;   ///< after the scale, as above
  bool tied_head = true;  ///< where no head is stored, or the same, the token embedding is it

  /// Of a block, from 1.
  const AttentionReach& reach(std::int64_t block) const {
    return attention.size() == 1 ? attention.front()
                                 : attention.at(static_cast<std::size_t>(block - 1));
  }

  bool operator==(const Sequences&) const = default;
};

}  // namespace azimuth
