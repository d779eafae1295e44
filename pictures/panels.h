#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "azimuth/observation.h"
#include "scale.h"
#include "svg.h"

namespace azimuth::pictures {

/// Okabe and Ito's colours, which colour-blind people can tell apart.
namespace colour {
inline constexpr std::string_view blue = "#0072b2";
inline constexpr std::string_view sky = "#56b4e9";
inline constexpr std::string_view green = "#009e73";
inline constexpr std::string_view yellow = "#f0e442";
inline constexpr std::string_view orange = "#e69f00";
inline constexpr std::string_view vermilion = "#d55e00";
inline constexpr std::string_view purple = "#cc79a7";
inline constexpr std::string_view grey = "#bbbbbb";
inline constexpr std::string_view dark = "#444444";
}  // namespace colour

/// `name="value"`, followed by a space.
std::string with(std::string_view name, std::string_view value);

/// Title, frame, grid and ticks of a panel. The labels of the x axis stand `below` the plot. A
/// title that is empty is left out.
struct Axes {
  std::string_view title;
  std::string_view x_title;
  std::string_view y_title;
  double title_y = 0;
  double below = 0;
};
void draw_axes(Svg& svg, const Box& plot, const Axes& axes, const Scale& x, const Scale& y);

/// Norms by block, in `room`.
void draw_norms(Svg& svg, const Box& room, const Observation& observation);

/// Shades the blocks of each stage and numbers them.
void draw_stages(Svg& svg, const Box& plot, const Scale& x, const Observation& observation);

struct AngleStyle {
  std::string_view words;
  std::string_view colour;
  std::string_view dashes = "none";
};

struct BlockAngle {
  std::int32_t block = 0;
  double degrees = 0;  ///< one that is not finite is left out
};

/// The largest number of a block.
template <class Block>
std::int32_t last_block(const std::vector<Block>& blocks) {
  std::int32_t last = 0;
  for (const Block& block : blocks) last = std::max(last, block.block);
  return last;
}

/// Of each block its number and what `angle` gives of it.
template <class Block>
std::vector<BlockAngle> angles_of(const std::vector<Block>& blocks, double (*angle)(const Block&)) {
  std::vector<BlockAngle> angles;
  for (const Block& block : blocks) angles.push_back({block.block, angle(block)});
  return angles;
}

/// Angles from 0 to 90 degrees by block, over the stages of an observation, in `room`; a key above
/// them, in the order in which they are drawn.
class BlockAngles {
 public:
  BlockAngles(Svg& svg, const Box& room, const Observation& observation, std::string_view title,
              std::int32_t last_block);

  /// A line with a dot a block, broken where there is no angle.
  void curve(const AngleStyle& style, std::span<const BlockAngle> angles);
  /// A ring each; no key where there is none.
  void rings(const AngleStyle& style, std::span<const BlockAngle> angles);

 private:
  void words(std::string_view words);

  Svg& svg_;
  Scale x_;
  Scale y_;
  Point key_;
};

bool has_singular_directions(const Observation& observation);

/// By block, how far the leading singular vector of its linear approximation lies from the
/// direction that the hidden states really have, in `room`.
void draw_singular_angles(Svg& svg, const Box& room, const Observation& observation);

/// Of an observation with a text, the angles of its empirical directions by block, in `room`.
void draw_text_angles(Svg& svg, const Box& room, const Observation& observation);

/// The same's tokens at positions that are not initial, a dot each: how far they stand out by
/// themselves, and how far on text.
void draw_text_tokens(Svg& svg, const Box& room, const Observation& observation);

bool has_angles_or_states(std::span<const Observation> observations);

/// Angles and states by step, in `room`.
void draw_angles(Svg& svg, const Box& room, std::span<const Observation> observations);

}  // namespace azimuth::pictures
