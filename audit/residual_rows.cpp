#include "residual_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <variant>

#include "azimuth/host_product.h"
#include "products.h"

namespace azimuth {
namespace {

constexpr std::int64_t kMostVectors = 256;
constexpr std::int64_t kTileNumbers = std::int64_t{1} << 21;

Eigen::MatrixXf next_tile(const LinearMap& map, std::int64_t first) {
  const std::int64_t rows = std::max<std::int64_t>(1, kTileNumbers / map.columns());
  Eigen::MatrixXf tile(map.columns(), std::min(rows, map.rows() - first));
  map.unpack_rows(first, tile);
  return tile;
}

double finite_length(double length) { return std::isfinite(length) ? length : 0; }

void read_rows(const MatrixVectors& matrix, std::span<const std::int64_t> wanted,
               VectorSample& out) {
  for (std::int64_t first = 0; first < matrix.map->rows();) {
    Eigen::MatrixXf tile = next_tile(*matrix.map, first);
    matrix.norm.fold_into(tile);
    for (Eigen::Index i = 0; i < tile.cols(); ++i) {
      out.lengths.push_back(finite_length(double{tile.col(i).norm()}));
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::int64_t at = wanted[i] - first;
      if (at < 0 || at >= tile.cols()) continue;
      out.vectors.col(static_cast<Eigen::Index>(i)) = tile.col(at);
    }
    first += tile.cols();
  }
}

// The lengths of all columns. Calls `use` with a tile of the matrix after another, and its first
// row: a few numbers of each column, scaled by the norm, but not centred.
template <class Use>
std::vector<double> read_tiles(const MatrixVectors& matrix, const Use& use) {
  const LinearMap& map = *matrix.map;
  Eigen::VectorXd sums = Eigen::VectorXd::Zero(map.columns());
  Eigen::VectorXd squares = sums;
  for (std::int64_t first = 0; first < map.rows();) {
    Eigen::MatrixXf tile = next_tile(map, first);
    if (matrix.norm.scale().size() > 0) {
      tile = tile * matrix.norm.scale().segment(first, tile.cols()).asDiagonal();
    }
    sums += tile.rowwise().sum().cast<double>();
    squares += tile.rowwise().squaredNorm().cast<double>();
    use(tile, first);
    first += tile.cols();
  }
  if (matrix.norm.centres()) squares -= sums.cwiseAbs2() / static_cast<double>(map.rows());
  std::vector<double> lengths;
  for (const double square : squares) {
    lengths.push_back(finite_length(std::sqrt(std::max(square, 0.0))));
  }
  return lengths;
}

void read_columns(const MatrixVectors& matrix, std::span<const std::int64_t> wanted,
                  VectorSample& out) {
  out.lengths = read_tiles(matrix, [&](const Eigen::MatrixXf& tile, std::int64_t first) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      out.vectors.col(static_cast<Eigen::Index>(i)).segment(first, tile.cols()) =
          tile.row(wanted[i]).transpose();
    }
  });
  if (matrix.norm.centres()) out.vectors.rowwise() -= out.vectors.colwise().mean().eval();
}

float inverse_of(double length) {
  return length > 0 ? static_cast<float>(1 / length) : std::numeric_limits<float>::quiet_NaN();
}

// Calls `use` with the first and the number of some vectors after others, on all workers.
template <class Use>
void share_out(std::int64_t vectors, Workers& workers, const Use& use) {
  // For each the product packs all probes anew: of fewer vectors that shows, and of more the sums
  // no longer stay in the cache. Fixed, so that they are formed alike with any number of threads.
  constexpr std::int64_t kPiece = 192;
  workers.for_each((vectors + kPiece - 1) / kPiece, [&](std::int64_t piece) {
    use(piece * kPiece, std::min(kPiece, vectors - piece * kPiece));
  });
}

Eigen::MatrixXf cosines_of_rows(const MatrixVectors& matrix, const Eigen::MatrixXf& probes,
                                Workers& workers) {
  Eigen::MatrixXf out(matrix.count(), probes.cols());
  share_out(matrix.count(), workers, [&](std::int64_t first, std::int64_t count) {
    Eigen::MatrixXf rows(matrix.size(), count);
    matrix.map->unpack_rows(first, rows);
    matrix.norm.fold_into(rows);
    for (auto row : rows.colwise()) row *= inverse_of(finite_length(double{row.norm()}));
    multiply_transposed(rows, probes, out.middleRows(first, count));
  });
  return out;
}

// The probes are centred where the norm centres: then the columns need not be.
Eigen::MatrixXf cosines_of_columns(const MatrixVectors& matrix, const Eigen::MatrixXf& probes,
                                   Workers& workers) {
  Eigen::MatrixXf out = Eigen::MatrixXf::Zero(matrix.count(), probes.cols());
  const auto lengths = read_tiles(matrix, [&](const Eigen::MatrixXf& tile, std::int64_t row) {
    share_out(matrix.count(), workers, [&](std::int64_t first, std::int64_t count) {
      add_product(tile.middleRows(first, count), probes.middleRows(row, tile.cols()),
                  out.middleRows(first, count));
    });
  });
  Eigen::ArrayXf inverse(out.rows());
  for (Eigen::Index i = 0; i < inverse.size(); ++i) {
    inverse[i] = inverse_of(lengths[static_cast<std::size_t>(i)]);
  }
  out.array().colwise() *= inverse;
  return out;
}

}  // namespace

FoldedNorm FoldedNorm::before(const Norm& norm) {
  return {norm.weight, norm.kind == NormKind::layer};
}

FoldedNorm FoldedNorm::behind(const Architecture& architecture, const Norm& norm) {
  return {norm.weight, architecture.norm == NormKind::layer};
}

void FoldedNorm::fold_into(Eigen::MatrixXf& vectors) const {
  if (scale_.size() > 0) vectors = scale_.asDiagonal() * vectors;
  if (centres_) vectors.rowwise() -= vectors.colwise().mean().eval();
}

NeuronVectors neuron_vectors(const Architecture& architecture, const Mixer& mixer,
                             const FeedForward& ffn) {
  const auto* const mixture = std::get_if<Experts>(&mixer.work);
  const bool of_experts = mixture != nullptr && mixture->norms.input.kind != NormKind::none;
  const FoldedNorm before = FoldedNorm::before(of_experts ? mixture->norms.input : mixer.norm);
  if (ffn.gate) return {{ffn.gate.map.get(), false, before}, {ffn.up.map.get(), false, before}};
  return {{ffn.up.map.get(), false, before},
          {ffn.down.map.get(), true, FoldedNorm::behind(architecture, mixer.output_norm)}};
}

std::vector<std::int64_t> spread(std::int64_t n) {
  std::vector<std::int64_t> out;
  const std::int64_t count = std::min(n, kMostVectors);
  for (std::int64_t i = 0; i < count; ++i) out.push_back(i * n / count);
  return out;
}

std::vector<std::int64_t> all_of(std::int64_t n) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(n));
  std::iota(out.begin(), out.end(), std::int64_t{0});
  return out;
}

VectorSample read_vectors(const MatrixVectors& matrix, std::span<const std::int64_t> wanted) {
  VectorSample out = {
      .vectors = Eigen::MatrixXf(matrix.size(), static_cast<Eigen::Index>(wanted.size())),
      .lengths = {}};
  if (matrix.columns) {
    read_columns(matrix, wanted, out);
  } else {
    read_rows(matrix, wanted, out);
  }
  return out;
}

Eigen::MatrixXf sample_vectors(const MatrixVectors& matrix, std::span<const std::int64_t> wanted) {
  if (matrix.columns) return read_vectors(matrix, wanted).vectors;
  Eigen::MatrixXf out(matrix.size(), static_cast<Eigen::Index>(wanted.size()));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    matrix.map->unpack_rows(wanted[i], out.middleCols(static_cast<Eigen::Index>(i), 1));
  }
  matrix.norm.fold_into(out);
  return out;
}

Probes Views::probes(const std::vector<Eigen::MatrixXf>& places, bool centre,
                     Workers& workers) const {
  Probes out;
  if (places.empty() || mapped.empty()) return out;
  out.size = places.front().cols();
  const auto count = static_cast<Eigen::Index>(mapped.size() * places.size());
  const Eigen::Index inputs = mapped.front() ? map->rows() : places.front().rows();
  out.vectors.resize(inputs, count * out.size);
  Eigen::MatrixXf map_transposed;
  if (std::ranges::count(mapped, true) > 0) map_transposed = transposed(*map);
  for (std::size_t view = 0; view < mapped.size(); ++view) {
    for (std::size_t place = 0; place < places.size(); ++place) {
      const auto index = static_cast<Eigen::Index>(view * places.size() + place);
      auto vectors = out.vectors.middleCols(index * out.size, out.size);
      if (mapped[view]) {
        vectors = transposed_product(map_transposed, places[place], workers);
      } else {
        vectors = places[place];
      }
      if (centre) vectors.rowwise() -= vectors.colwise().mean().eval();
      for (auto vector : vectors.colwise()) vector /= vector.norm();  // 0 / 0 is NaN
    }
  }
  return out;
}

Eigen::MatrixXf cosines(const MatrixVectors& matrix, const Probes& probes, Workers& workers) {
  return matrix.columns ? cosines_of_columns(matrix, probes.vectors, workers)
                        : cosines_of_rows(matrix, probes.vectors, workers);
}

}  // namespace azimuth
