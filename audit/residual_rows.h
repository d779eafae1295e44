#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

#include "azimuth/model_weights.h"
#include "azimuth/workers.h"

namespace azimuth {

// What is compared of two models are vectors in their residual streams: rows of matrices that read
// it, columns of those that write to it.

/// What the norm beside a matrix does to each coordinate counts as the matrix's own, so that
/// folding one into the other changes nothing.
class FoldedNorm {
 public:
  /// The norm before a matrix that reads the residual stream.
  static FoldedNorm before(const Norm& norm);
  /// That behind a matrix which writes to it, if there is one. Where later norms centre, what all
  /// coordinates have in common is not read by anything.
  static FoldedNorm behind(const Architecture& architecture, const Norm& norm);

  /// Vectors of the matrix, each a column, become vectors of matrix and norm together.
  void fold_into(Eigen::MatrixXf& vectors) const;

  const Eigen::VectorXf& scale() const { return scale_; }  ///< empty: all 1
  bool centres() const { return centres_; }

 private:
  FoldedNorm(Eigen::VectorXf scale, bool centres) : scale_(std::move(scale)), centres_(centres) {}

  Eigen::VectorXf scale_;
  bool centres_;
};

/// The vectors of one matrix, one a neuron or value.
struct MatrixVectors {
  const LinearMap* map = nullptr;
  bool columns = false;  ///< rather than rows
  FoldedNorm norm;

  std::int64_t count() const { return columns ? map->columns() : map->rows(); }
  std::int64_t size() const { return columns ? map->rows() : map->columns(); }
};

/// The two vectors of each neuron: its gate row and its up row, or in a plain FFN its row of the
/// first layer and its column of the second.
struct NeuronVectors {
  MatrixVectors first;
  MatrixVectors second;
};
NeuronVectors neuron_vectors(const Architecture& architecture, const Mixer& mixer,
                             const FeedForward& ffn);

/// Indices spread over [0, n): the most vectors of a matrix that are looked at. 256 in order have a
/// probability of 10^-507.
std::vector<std::int64_t> spread(std::int64_t n);

/// [0, n).
std::vector<std::int64_t> all_of(std::int64_t n);

struct VectorSample {
  Eigen::MatrixXf vectors;      ///< those wanted, each a column
  std::vector<double> lengths;  ///< of all; 0 for one that is not finite, which has no direction
};
VectorSample read_vectors(const MatrixVectors& matrix, std::span<const std::int64_t> wanted);

/// Those wanted alone: of rows nothing else is read.
Eigen::MatrixXf sample_vectors(const MatrixVectors& matrix, std::span<const std::int64_t> wanted);

/// Vectors of the base from several places, in each of the ways in which they are held against
/// those of the release: the columns of one matrix, `size` of them for each view and place.
struct Probes {
  Eigen::MatrixXf vectors;  ///< of length 1; NaN for a vector of zeros
  Eigen::Index size = 0;

  auto segment(const Eigen::MatrixXf& of, std::int64_t index) const {
    return of.middleCols(index * size, size);
  }
};

/// The ways from the base's residual stream to the release's.
struct Views {
  std::vector<bool> mapped;
  const Eigen::MatrixXf* map = nullptr;
  /// Tokens that were not fitted confirm the map: then shares are of rows that were mapped.
  bool map_is_sure = false;

  Probes probes(const std::vector<Eigen::MatrixXf>& places, bool centre, Workers& workers) const;
};

/// Cosines of a matrix's vectors with probes: count() × probes.
Eigen::MatrixXf cosines(const MatrixVectors& matrix, const Probes& probes, Workers& workers);

}  // namespace azimuth
