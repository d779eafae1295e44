#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "azimuth/roles.h"

namespace azimuth {

/// A linear map of a decoder, and which it is.
struct LinearParameters {
  Role role = Role::head_weight;
  std::int64_t block = 0;    ///< from 1; 0: outside the blocks
  std::int64_t member = -1;  ///< from 0: which expert; -1: of none
  at::Tensor weight;         ///< outputs × inputs
  at::Tensor bias;           ///< undefined: none
  /// From 1: what it reads is what the norm of this mixer of its block gives, to all maps with that
  /// number (an expert gets the tokens that are sent to it). 0: it reads something else.
  std::int64_t norm = 0;
};

/// Makes the products of a decoder's linear maps in place of the plain ones: in other numbers, or
/// to look at what goes in.
///
///     struct Peaks : azimuth::Products {
///       at::Tensor product(const azimuth::LinearParameters& linear, const at::Tensor& X) override
///       {
///         if (linear.role == azimuth::Role::down_weight) seen[linear.block] = X.abs().max();
///         return plain_product(linear, X);
///       }
///       std::map<std::int64_t, at::Tensor> seen;
///     } peaks;
///     decoder.forward(ids, {}, &peaks);
class Products {
 public:
  virtual ~Products() = default;

  /// `X Wᵀ + b`, {tokens, outputs} of X's type, of {tokens, inputs}: all tokens of all sequences,
  /// one sequence after the other, or those that an expert gets. On the calling thread of
  /// `forward`, in the order of the maps; what is thrown comes out of it.
  virtual at::Tensor product(const LinearParameters& linear, const at::Tensor& X) = 0;
};

/// What a decoder computes by itself.
at::Tensor plain_product(const LinearParameters& linear, const at::Tensor& X);

}  // namespace azimuth
