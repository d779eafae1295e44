#include "paper_procedure.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <torch/types.h>

#include <algorithm>

#include "azimuth/monitor.h"
#include "azimuth/workers.h"

namespace azimuth::bench {
namespace {

torch::Tensor tensor_of(const Eigen::MatrixXf& matrix) {
  // Column-major: the transposed tensor has the same memory.
  return torch::from_blob(const_cast<float*>(matrix.data()), {matrix.cols(), matrix.rows()})
      .t()
      .clone();
}

torch::Tensor dense(const LinearMap& map, Workers& workers) {
  const Eigen::MatrixXf identity = Eigen::MatrixXf::Identity(map.columns(), map.columns());
  Eigen::MatrixXf result(map.rows(), map.columns());
  map.apply(identity, result, workers);
  return tensor_of(result);
}

torch::Tensor repeated(const torch::Tensor& values, const ModelWeights& weights) {
  const Architecture& a = weights.architecture();
  return values.view({a.kv_heads, weights.head_size(), -1})
      .repeat_interleave(a.heads / a.kv_heads, 0)
      .reshape({a.heads * weights.head_size(), -1});
}

}  // namespace

PaperResult paper_procedure(const ModelWeights& weights, const BlockWeights& block,
                            std::int64_t samples, std::uint64_t seed, bool with_eigen) {
  const torch::NoGradGuard no_grad;
  Workers workers;
  // What PyTorch would have in memory from the start.
  const FeedForward& ffn = *block.work<FeedForward>();
  const Attention& attention = *block.work<Attention>();
  const torch::Tensor gate = dense(*ffn.gate.map, workers);
  const torch::Tensor up = dense(*ffn.up.map, workers);
  const torch::Tensor down = dense(*ffn.down.map, workers);
  const torch::Tensor value = repeated(dense(*attention.value.map, workers), weights);
  const torch::Tensor output = dense(*attention.output.map, workers);
  const torch::Tensor w1 = tensor_of(block.mixer<Attention>()->norm.weight).view(-1);
  const torch::Tensor w2 = tensor_of(block.ffn()->norm.weight).view(-1);

  const Clock clock;
  const std::int64_t d = weights.hidden_size();
  const double start = clock.monotonic_seconds();
  torch::Generator generator = at::detail::createCPUGenerator(seed);
  torch::Tensor zz = torch::zeros({d, d});
  torch::Tensor zy = torch::zeros({d, d});
  constexpr std::int64_t kBatch = 4096;
  for (std::int64_t done = 0; done < samples; done += kBatch) {
    const torch::Tensor z = torch::randn({std::min(kBatch, samples - done), d}, generator);
    const torch::Tensor y =
        torch::mm(torch::silu(torch::mm(z, gate.t())) * torch::mm(z, up.t()), down.t());
    zz.addmm_(z.t(), z);
    zy.addmm_(z.t(), y);
  }
  const torch::Tensor fit = torch::cholesky_solve(zy, at::linalg_cholesky(zz)).t();
  const torch::Tensor identity = torch::eye(d);
  const torch::Tensor a = torch::mm(output, value) * w1;
  const torch::Tensor l = torch::mm(identity + fit * w2, identity + a);
  PaperResult result;
  const double fitted = clock.monotonic_seconds();
  result.fit_seconds = fitted - start;

  const auto [u, s, vh] = at::linalg_svd(l, /*full_matrices=*/true);
  const double decomposed = clock.monotonic_seconds();
  result.svd_seconds = decomposed - fitted;
  const torch::Tensor first = u.select(1, 0).to(torch::kFloat64).contiguous();
  result.direction = Eigen::Map<const Eigen::VectorXd>(first.data_ptr<double>(), d);

  if (with_eigen) {
    at::linalg_eig(l - identity);
    result.eigen_seconds = clock.monotonic_seconds() - decomposed;
  }
  return result;
}

}  // namespace azimuth::bench
