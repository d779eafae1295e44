#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "azimuth/activation.h"
#include "azimuth/architecture.h"
#include "azimuth/linear_map.h"

namespace azimuth {

/// `W x + b`.
struct Projection {
  std::shared_ptr<const LinearMap> map;  ///< outputs × inputs; null: there is no such projection
  Eigen::VectorXf bias;                  ///< empty: none

  explicit operator bool() const { return map != nullptr; }
};

struct Norm {
  NormKind kind = NormKind::none;
  double epsilon = 0;
  Eigen::VectorXf weight;  ///< what is multiplied with, any offset included; empty: nothing
  Eigen::VectorXf bias;    ///< empty: none
};

/// What attention makes of one token. Its softmax over one key is 1 (docs/method.md, 1):
/// `W_O rep(W_V x + b_V) + b_O`.
struct Attention {
  Projection value;            ///< kv_heads * head_size × hidden_size
  double clip = 0;             ///< values are cut to [-clip, clip]; 0: they are not
  std::int64_t head_size = 0;  ///< of values
  std::int64_t repeats = 1;    ///< heads that share a KV head, which are consecutive
  Projection output;           ///< hidden_size × heads * head_size
};

/// A feed-forward network, or one expert of a mixture: `W_D (act(W_G x + b_G) ∘ (W_U x + b_U))`, or
/// `W_D act(W_U x + b_U)` where it has no gate.
struct FeedForward {
  Projection gate;  ///< ffn_size × hidden_size
  Projection up;
  Projection down;  ///< hidden_size × ffn_size
  Activation activation = Activation::silu;
};

/// Feed-forward networks of which a router sends each token to a few.
struct Experts {
  Projection router;            ///< experts × hidden_size
  Eigen::VectorXf choice_bias;  ///< one an expert (Routing::choice_bias); empty: none
  Routing routing;
  std::vector<FeedForward> experts;
  std::optional<FeedForward> shared;  ///< every token goes to it, whole
  Projection shared_gate;  ///< 1 × hidden_size: the logit whose sigmoid `shared` is multiplied with
};

/// Whatever writes to the residual stream: `output_norm(work(norm(h)))` is added to it.
struct Mixer {
  /// It reads the state that the mixer before it read, not what that one left.
  bool beside = false;
  Norm norm;
  std::variant<Attention, FeedForward, Experts> work;
  Norm output_norm;

  /// Whether other tokens count in a longer sequence: what the zero-attention pass leaves out.
  bool mixes_tokens() const { return std::holds_alternative<Attention>(work); }
};

/// The mixers of a block, in the order in which they write.
struct BlockWeights {
  std::vector<Mixer> mixers;

  /// The first whose work is that; null: there is none.
  template <class Work>
  const Mixer* mixer() const {
    for (const Mixer& mixer : mixers) {
      if (std::holds_alternative<Work>(mixer.work)) return &mixer;
    }
    return nullptr;
  }

  template <class Work>
  const Work* work() const {
    const Mixer* const found = mixer<Work>();
    return found == nullptr ? nullptr : &std::get<Work>(found->work);
  }

  /// That of the FFN, or of the mixture that stands in its place; null: there is neither.
  const Mixer* ffn() const {
    const Mixer* const one = mixer<FeedForward>();
    return one != nullptr ? one : mixer<Experts>();
  }
  /// Its feed-forward networks: one, or one an expert.
  std::span<const FeedForward> feed_forwards() const {
    if (const auto* const one = work<FeedForward>()) return {one, 1};
    if (const auto* const many = work<Experts>()) return many->experts;
    return {};
  }
};

}  // namespace azimuth
