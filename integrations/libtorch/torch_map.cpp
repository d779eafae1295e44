#include "azimuth/torch_map.h"

#include <cmath>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "stored_type.h"

// Only operators of LibTorch's public interface, so that it runs on every device that has them.
namespace azimuth {
namespace {

template <class Scalar>
constexpr torch::ScalarType kScalarType =
    std::is_same_v<Scalar, double> ? torch::kFloat64 : torch::kFloat32;

// The columns of `X` as rows of a tensor that shares its memory: Eigen keeps columns together.
template <class Matrix>
torch::Tensor rows_of(const Matrix& X) {
  using Scalar = typename Matrix::Scalar;
  return torch::from_blob(const_cast<Scalar*>(X.data()), {X.cols(), X.rows()}, {X.outerStride(), 1},
                          torch::dtype(kScalarType<Scalar>));
}

// Y = W X, or Wᵀ X if W is given transposed.
template <class In, class Out>
void multiply(const torch::Tensor& w, const In& X, Out& Y) {
  const at::NoTF32Guard exact;
  torch::Tensor y = rows_of(Y);
  y.copy_(rows_of(X).to(w.device()).matmul(w.t()));
}

torch::Tensor shifted(const torch::Tensor& z, int bits) {  // as unsigned words
  return z.bitwise_right_shift(torch::full({1}, bits, z.options()))
      .bitwise_and((std::int64_t{1} << (64 - bits)) - 1);
}

torch::Tensor mixed(const torch::Tensor& z, int bits, std::uint64_t factor) {
  return z.bitwise_xor(shifted(z, bits)).mul(static_cast<std::int64_t>(factor));
}

// +1 or -1 for every weight of the rows and columns given: the coins that azimuth::unpack throws.
torch::Tensor coins(std::uint64_t seed, const torch::Tensor& rows, const torch::Tensor& columns) {
  const torch::Tensor groups =
      torch::arange(columns.max().item<std::int64_t>() / 64 + 1, rows.options());
  torch::Tensor z = rows.add(1).mul(static_cast<std::int64_t>(0x9e3779b97f4a7c15ull)).unsqueeze(1) +
                    groups.add(1).mul(static_cast<std::int64_t>(0xd1b54a32d192ed03ull)) +
                    static_cast<std::int64_t>(seed);
  z = mixed(z, 30, 0xbf58476d1ce4e5b9ull);
  z = mixed(z, 27, 0x94d049bb133111ebull);
  z = z.bitwise_xor(shifted(z, 31));
  const torch::Tensor words = z.index_select(1, columns.floor_divide(64));
  return words.bitwise_right_shift(columns.remainder(64)).bitwise_and(1).mul(2).sub(1);
}

// Half of the last place of each of `values`, which are float32 with the numbers of `type`.
torch::Tensor half_units(const torch::Tensor& values, torch::ScalarType type) {
  const int bits = type == torch::kFloat32 ? 23 : type == torch::kFloat16 ? 10 : 7;
  const int least_exponent = type == torch::kFloat16 ? -14 : -126;
  const torch::Tensor powers =
      values.view(torch::kInt32).bitwise_and(0x7f800000).view(torch::kFloat32);
  return powers.clamp_min(std::ldexp(1.0, least_exponent)).mul(std::ldexp(1.0, -bits - 1));
}

void expect_matrix(const std::string& who, const torch::Tensor& stored) {
  if (!stored.defined() || stored.dim() != 2 || !stored_type_of(stored.scalar_type())) {
    throw std::invalid_argument(who + ": needs a matrix of float32, float16 or bfloat16");
  }
}

}  // namespace

TorchMap::TorchMap(torch::Tensor stored, MatrixPart part, Nudge nudge)
    : stored_(std::move(stored)), part_(part), nudge_(nudge) {
  expect_matrix("TorchMap", stored_);
  const std::int64_t outputs = stored_.size(part.transposed ? 1 : 0);
  if (part.first_output < 0 || part.outputs < 1 || part.stride < 1 ||
      part.outputs > (outputs - part.first_output + part.stride - 1) / part.stride) {
    throw std::invalid_argument("TorchMap: outputs " + std::to_string(part.first_output) + " to " +
                                std::to_string(part.first_output + part.outputs) +
                                " of a matrix that has " + std::to_string(outputs));
  }
}

std::int64_t TorchMap::columns() const { return stored_.size(part_.transposed ? 0 : 1); }

// {outputs, inputs}, unpacked.
torch::Tensor TorchMap::weights(torch::ScalarType type) const {
  const int dimension = part_.transposed ? 1 : 0;
  const std::int64_t end = part_.first_output + (part_.outputs - 1) * part_.stride + 1;
  torch::Tensor w = stored_.detach().slice(dimension, part_.first_output, end, part_.stride);
  if (nudge_.active) {
    const auto index = [&](std::int64_t axis) {
      const bool outputs = axis == dimension;
      return torch::arange(w.size(axis), w.options().dtype(torch::kInt64))
          .mul(outputs ? part_.stride : 1)
          .add(outputs ? part_.first_output : 0);
    };
    const torch::Tensor values = w.to(torch::kFloat32).contiguous();
    w = values + half_units(values, stored_.scalar_type()) * coins(nudge_.seed, index(0), index(1));
  }
  return (part_.transposed ? w.t() : w).to(type);
}

void TorchMap::apply(const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y,
                     Workers&) const {
  const torch::NoGradGuard no_grad;
  multiply(weights(torch::kFloat32), X, Y);
}

void TorchMap::apply(const Eigen::Ref<const Eigen::MatrixXd>& X, Eigen::Ref<Eigen::MatrixXd> Y,
                     Workers&) const {
  const torch::NoGradGuard no_grad;
  multiply(weights(torch::kFloat64), X, Y);
}

void TorchMap::apply_transpose(const Eigen::Ref<const Eigen::MatrixXf>& X,
                               Eigen::Ref<Eigen::MatrixXf> Y, Workers&) const {
  const torch::NoGradGuard no_grad;
  multiply(weights(torch::kFloat32).t(), X, Y);
}

void TorchMap::apply_transpose(const Eigen::Ref<const Eigen::MatrixXd>& X,
                               Eigen::Ref<Eigen::MatrixXd> Y, Workers&) const {
  const torch::NoGradGuard no_grad;
  multiply(weights(torch::kFloat64).t(), X, Y);
}

void TorchMap::unpack_rows(std::int64_t first, Eigen::Ref<Eigen::MatrixXf> out) const {
  const torch::NoGradGuard no_grad;
  // Of these rows alone: `weights` converts all that it is asked for.
  const MatrixPart wanted = {part_.first_output + first * part_.stride, out.cols(),
                             part_.transposed, part_.stride};
  const TorchMap part(stored_, wanted, nudge_);
  const torch::Tensor rows = part.weights(torch::kFloat32).cpu().contiguous();
  out = Eigen::Map<const Eigen::MatrixXf>(rows.data_ptr<float>(), out.rows(), out.cols());
}

TorchTensor::TorchTensor(torch::Tensor stored) : stored_(std::move(stored)) {
  expect_matrix("TorchTensor", stored_);
}

std::shared_ptr<const LinearMap> TorchTensor::map(const MatrixPart& part, Nudge nudge) const {
  return std::make_shared<TorchMap>(stored_, part, nudge);
}

void TorchTensor::read_rows(std::int64_t first_row, std::int64_t count, std::byte* out) const {
  const torch::NoGradGuard no_grad;
  torch::from_blob(out, {count, stored_.size(1)}, torch::dtype(stored_.scalar_type()))
      .copy_(stored_.detach().narrow(0, first_row, count));
}

std::uint64_t TorchTensor::word_sum() const {
  const torch::NoGradGuard no_grad;
  torch::Tensor w = stored_.detach().contiguous().view(-1);
  if (w.element_size() == 2) {
    w = w.view(torch::kInt16);
    if (w.numel() % 2 != 0) w = torch::cat({w, torch::zeros(1, w.options())});
  }
  w = w.view(torch::kInt32);
  const std::int64_t sum = w.sum(torch::kInt64).item<std::int64_t>();
  const std::int64_t negative = w.lt(0).sum(torch::kInt64).item<std::int64_t>();
  return static_cast<std::uint64_t>(sum) + (static_cast<std::uint64_t>(negative) << 32);
}

}  // namespace azimuth
