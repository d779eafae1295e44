#include "quantised/scales.h"

#include <Eigen/Core>
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace azimuth {
namespace {

template <class T, class Convert>
void convert(const std::byte* from, std::int64_t count, float* out, const Convert& to_float) {
  for (std::int64_t i = 0; i < count; ++i) {
    T stored;
    std::memcpy(&stored, from + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
    out[i] = to_float(stored);
  }
}

// 2^(exponent - 127), the least of which is no normal number; 255 stands for none.
float power_of_two(std::uint8_t exponent) {
  if (exponent == 255) return std::numeric_limits<float>::quiet_NaN();
  return std::bit_cast<float>(exponent == 0 ? 0x00400000u : std::uint32_t{exponent} << 23);
}

}  // namespace

Scales::Scales(StoredTensor tensor) : tensor_(std::move(tensor)) {
  if (!tensor_.is("F32") && !tensor_.is("F16") && !tensor_.is("BF16") && !tensor_.is("F8_E8M0")) {
    tensor_.fail("its type is " + tensor_.raw.type + ", and it holds scales");
  }
  constexpr std::int64_t kPiece = 4096;
  float piece[kPiece];
  for (std::int64_t first = 0; first < tensor_.size(); first += kPiece) {
    const std::int64_t count = std::min(kPiece, tensor_.size() - first);
    read(first, count, piece);
    if (!std::all_of(piece, piece + count, [](float x) { return std::isfinite(x); })) {
      tensor_.fail("holds a scale that is not finite");
    }
  }
}

void Scales::read(std::int64_t first, std::int64_t count, float* out) const {
  const std::byte* data = tensor_.raw.bytes.data();
  if (tensor_.is("F32")) {
    std::memcpy(out, data + 4 * first, static_cast<std::size_t>(count) * sizeof(float));
  } else if (tensor_.is("BF16")) {
    convert<std::uint16_t>(data + 2 * first, count, out, [](std::uint16_t bits) {
      return std::bit_cast<float>(std::uint32_t{bits} << 16);
    });
  } else if (tensor_.is("F16")) {
    convert<std::uint16_t>(data + 2 * first, count, out, [](std::uint16_t bits) {
      return Eigen::half_impl::half_to_float(Eigen::half_impl::raw_uint16_to_half(bits));
    });
  } else {
    convert<std::uint8_t>(data + first, count, out, power_of_two);
  }
}

std::vector<float> Scales::all() const {
  std::vector<float> numbers(static_cast<std::size_t>(tensor_.size()));
  read(0, tensor_.size(), numbers.data());
  return numbers;
}

}  // namespace azimuth
