#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace azimuth {

/// What an FFN does to its inner numbers, one by one.
enum class Activation { silu, relu, gelu, gelu_tanh };

/// All of them.
inline constexpr Activation kActivations[] = {Activation::silu, Activation::relu, Activation::gelu,
                                              Activation::gelu_tanh};

std::string_view name_of(Activation activation);

/// What configurations call it (Transformers' activations.py): several names may stand for one
/// formula.
std::span<const std::string_view> configured_names(Activation activation);

/// The activation that a configuration means; nothing for a name that stands for none.
std::optional<Activation> activation_named(std::string_view configured);

}  // namespace azimuth
