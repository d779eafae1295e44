#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "azimuth/roles.h"

namespace azimuth {

/// How weights are rounded: to 8 bits or 4, scaled once or by output. What they are multiplied with
/// has 8 bits.
struct QuantisationScheme {
  int weight_bits = 8;
  bool per_channel = false;
};

/// A weight matrix of a model; of a mixture those of all experts.
struct WeightPlace {
  std::int64_t block = 0;  ///< from 1
  Role role = Role::down_weight;

  auto operator<=>(const WeightPlace&) const = default;
};

/// One line of the table: some matrices kept in float, all others of the blocks rounded.
struct MeasuredSet {
  enum class Kind {
    all_float,         ///< nothing is rounded
    round_to_nearest,  ///< nothing is kept
    advised,           ///< from weights alone
    smooth,            ///< SmoothQuant, nothing kept
    smooth_advised,    ///< SmoothQuant with what is advised
    paper,             ///< explosion and decay blocks
    greedy,            ///< found by measuring
    control,           ///< as many others as are advised
    all_down,          ///< every down projection
  };

  Kind kind = Kind::all_float;
  std::vector<WeightPlace> kept;  ///< as they were chosen; none of `all_float`
  double perplexity = 0;
  double recovered = 0;         ///< QuantisationEvaluation::recovered(perplexity)
  std::int64_t parameters = 0;  ///< in `kept`
  std::int64_t bytes = 0;       ///< that they take more than rounded
};

/// What quantisation costs a model on a text, and what keeping some matrices gives back.
struct QuantisationEvaluation {
  QuantisationScheme scheme;
  std::int64_t sequences = 0;
  std::int64_t length = 0;      ///< tokens of each
  std::int64_t vocab_size = 0;  ///< a perplexity above it is worse than guessing; 0: not known
  std::string ids_digest;       ///< SHA-256 of the file of ids; empty: there was none
  std::int64_t calibration_sequences = 0;  ///< of SmoothQuant
  std::string calibration_digest;          ///< where it is `ids_digest`, they lie behind the others
  std::vector<MeasuredSet> sets;

  double goal = 0;             ///< the share that greedy was to recover
  std::int64_t measured = 0;   ///< sets that greedy measured on all sequences
  std::vector<double> greedy;  ///< perplexity with the first, the first two, ... of greedy's set
  /// Perplexity with the first, the first two, ... of the advice's ranking, until the goal is
  /// reached and what is advised is among them. Empty where there is no greedy.
  std::vector<double> order;
  std::string no_greedy;  ///< why there is none; empty: there is

  /// Null: it was not measured.
  const MeasuredSet* find(MeasuredSet::Kind kind) const;
  /// Whether round-to-nearest loses more than measuring can tell from nothing: 0.02 nats a token.
  bool loses() const;
  /// Whether round-to-nearest leaves nothing of the model.
  bool worse_than_guessing() const;
  /// The share of what round-to-nearest loses that is not lost at `perplexity`; NaN where it loses
  /// nothing, or leaves nothing.
  double recovered(double perplexity) const;
  /// How many of the ranking, from the first, are the fewest to reach the goal; 0: none of `order`.
  std::size_t order_needs() const;
};

/// Its name in a table: "round-to-nearest", "SmoothQuant, advised kept".
std::string title_of(MeasuredSet::Kind kind);
/// "W8A8, a scale a weight".
std::string title_of(const QuantisationScheme& scheme);

}  // namespace azimuth
