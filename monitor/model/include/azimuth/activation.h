#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace azimuth {

/// What an FFN does to its inner numbers, one by one.
enum class Activation { silu, relu, gelu, gelu_tanh, relu2, xielu };

/// All of them.
inline constexpr Activation kActivations[] = {Activation::silu,  Activation::relu,
                                              Activation::gelu,  Activation::gelu_tanh,
                                              Activation::relu2, Activation::xielu};

/// What a model learns of its xIELU (arXiv 2411.13010): `positive x² + linear x` right of 0,
/// `negative (exp(min(x, edge)) − 1 − x) + linear x` left of it and at 0. These are the numbers
/// that it starts from.
struct Xielu {
  double positive = 0.8;
  double negative = 0.8;
  double linear = 0.5;
  double edge = -1e-6;
};

std::string_view name_of(Activation activation);

/// What configurations call it (Transformers' activations.py): several names may stand for one
/// formula.
std::span<const std::string_view> configured_names(Activation activation);

/// The activation that a configuration means; nothing for a name that stands for none.
std::optional<Activation> activation_named(std::string_view configured);

}  // namespace azimuth
