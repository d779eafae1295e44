#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "azimuth/audit.h"

namespace azimuth {

/// Two members of a family that lie next to each other in its tree.
struct LineageEdge {
  std::size_t parent = 0;  ///< index of a model: the one that more likely came first
  std::size_t child = 0;
  double degrees = kNotApplicable;  ///< between them, see Lineage::degrees
  /// The share, 0 to 1, of 1,000 trees from neurons drawn again with replacement in which the two
  /// lie next to each other: what chance in the choice of neurons leaves open, and nothing else.
  double confidence = 0;
  /// The share of the family's members that lie on the parent's side. Distances do not tell where a
  /// tree begins; if every member is as likely to be the origin, this is the probability that the
  /// edge leads from parent to child. 0.5 of two models.
  double direction_confidence = 0.5;
};

/// Models that are not independent of each other, by a chain of MATCH.
struct LineageFamily {
  std::vector<std::size_t> members;  ///< indices of models, ascending
  std::size_t root = 0;  ///< which leaves the fewest members on its largest side: the centre
  std::vector<LineageEdge> edges;  ///< one less than members; an edge after that of its parent
};

struct Lineage {
  std::vector<std::string> names;
  double rate = 0;          ///< how often any two of different families may be put into one
  std::int64_t audits = 0;  ///< that the correction counts: of every model against every other
  /// Row the base, column the release, flat. Nothing, and NaN, on the diagonal and for pairs that
  /// were not needed, since the other order had matched.
  std::vector<std::optional<Verdict>> verdicts;
  std::vector<double> log10_corrected_p;
  /// Symmetric: how far neurons have turned, the mean over tested blocks of the angle whose cosine
  /// is the median of agreeing neurons. NaN: none agree.
  std::vector<double> degrees;
  std::vector<LineageFamily> families;  ///< by first member; a model that matches none has its own
};

/// Which of several models have a common origin, and how they may have come from each other. Takes
/// an audit for each pair, and a second, the other way round, for each that does not match. Throws
/// std::invalid_argument for fewer than two models or another number of names, and what audit()
/// throws.
Lineage lineage(std::vector<std::string> names, std::span<const AuditedWeights> models, double rate,
                Workers& workers, Progress* progress = nullptr);

}  // namespace azimuth
