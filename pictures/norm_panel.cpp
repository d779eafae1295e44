#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/median.h"
#include "panels.h"

namespace azimuth::pictures {
namespace {

constexpr double kLabelBand = 34;  // above the plot, for the labels of the marked blocks

bool can_be_drawn(double norm) { return std::isfinite(norm) && norm > 0; }

double median_of_drawable(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !can_be_drawn(value); });
  return median(std::move(values));
}

struct BlockNorms {
  double block = 0;
  double high_norm = kNotApplicable;
  double high_norm_low = kNotApplicable;
  double high_norm_high = kNotApplicable;
  double initial = kNotApplicable;
  double reference = kNotApplicable;
};

BlockNorms norms_of(const BlockObservation& block, const ProbeInfo& probe) {
  std::vector<double> high;
  for (std::size_t i = 0; i < std::min(block.norms.size(), probe.token_ids.size()); ++i) {
    if (std::ranges::count(probe.high_norm_token_ids, probe.token_ids[i]) != 0 &&
        can_be_drawn(block.norms[i])) {
      high.push_back(block.norms[i]);
    }
  }
  BlockNorms norms = {static_cast<double>(block.block)};
  norms.high_norm = median_of_drawable(high);
  if (!high.empty()) {
    norms.high_norm_low = std::ranges::min(high);
    norms.high_norm_high = std::ranges::max(high);
  }
  norms.initial = median_of_drawable(block.norms);
  norms.reference = block.reference_norm;
  return norms;
}

struct Plot {
  Svg& svg;
  Box box;
  Scale x;
  Scale y;
  std::vector<BlockNorms> norms;

  Point at(double block, double norm) const { return {x.at(block), y.at(norm)}; }

  void curve(double BlockNorms::*value, const std::string& attributes) const {
    std::vector<Point> points;
    const auto flush = [&] {
      svg.path(points, attributes);
      points.clear();
    };
    for (const auto& n : norms) {
      if (can_be_drawn(n.*value)) {
        points.push_back(at(n.block, n.*value));
      } else {
        flush();
      }
    }
    flush();
  }

  void band() const {
    std::vector<Point> outline, back;
    for (const auto& n : norms) {
      if (!can_be_drawn(n.high_norm)) continue;
      outline.push_back(at(n.block, n.high_norm_high));
      back.push_back(at(n.block, n.high_norm_low));
    }
    outline.insert(outline.end(), back.rbegin(), back.rend());
    svg.area(outline, with("fill", colour::blue) + "fill-opacity=\"0.18\"");
  }

  /// The norm at which a block is marked.
  std::optional<double> height_of(std::int32_t block) const {
    for (const auto& n : norms) {
      if (n.block != block) continue;
      const double norm = can_be_drawn(n.high_norm) ? n.high_norm : n.initial;
      if (can_be_drawn(norm)) return norm;
    }
    return std::nullopt;
  }
};

void triangle(Svg& svg, Point centre, bool up, bool filled) {
  const double sign = up ? -1 : 1;
  const auto shade = up ? colour::vermilion : colour::green;
  svg.area({{centre.x - 6.5, centre.y - sign * 5},
            {centre.x + 6.5, centre.y - sign * 5},
            {centre.x, centre.y + sign * 7}},
           with("fill", filled ? shade : "#fff") + with("stroke", filled ? "#fff" : shade) +
               (filled ? "stroke-width=\"1.2\"" : "stroke-width=\"2\""));
}

struct Mark {
  BlockFactor block;
  bool explosion = false;
  bool primary = false;
};

std::vector<Mark> marks_of(const Observation& o) {
  std::vector<Mark> marks;
  for (std::size_t i = 0; i < o.stages.size(); ++i) {
    const bool primary = static_cast<std::int32_t>(i) == o.primary_stage;
    for (const auto& block : o.stages[i].explosion_blocks) marks.push_back({block, true, primary});
    for (const auto& block : o.stages[i].decay_blocks) marks.push_back({block, false, primary});
  }
  std::ranges::stable_sort(marks, {}, [](const Mark& mark) { return mark.block.block; });
  return marks;
}

void draw_marks(const Plot& plot, const Observation& o) {
  double row_ends[2] = {-INFINITY, -INFINITY};
  for (const auto& mark : marks_of(o)) {
    const auto norm = plot.height_of(mark.block.block);
    if (!norm) continue;
    const Point at = plot.at(mark.block.block, *norm);
    std::string label = std::to_string(mark.block.block);
    if (std::isfinite(mark.block.factor)) label += " ×" + short_number(mark.block.factor);
    // Labels of neighbouring blocks stand in two rows; one that fits in neither is left out.
    const double half = 3.4 * static_cast<double>(label.size()) + 3;
    const int row = row_ends[0] < at.x - half ? 0 : row_ends[1] < at.x - half ? 1 : -1;
    if (row >= 0) {
      row_ends[row] = at.x + half;
      const double y = plot.box.top - 6 - 15 * row;
      plot.svg.line({at.x, y + 3}, at, "stroke=\"#999\" stroke-dasharray=\"1.5 3\"");
      plot.svg.text({at.x, y}, label,
                    with("fill", mark.explosion ? "#a84900" : "#00694d") +
                        "font-size=\"11.5\" text-anchor=\"middle\"" +
                        (mark.primary ? " font-weight=\"bold\"" : ""));
    }
    triangle(plot.svg, at, mark.explosion, mark.primary);
  }
}

void draw_legend(Svg& svg, Point at, bool with_marks) {
  const auto entry = [&](double width, std::string_view words, auto draw) {
    draw(Point{at.x, at.y - 4});
    svg.text({at.x + 30, at.y}, words, "font-size=\"11.5\"");
    at.x += width;
  };
  const auto sample = [&](const std::string& attributes) {
    return [&svg, attributes](Point p) { svg.path({p, {p.x + 24, p.y}}, attributes); };
  };
  const double start = at.x;
  entry(224, "high-norm tokens, min to max", [&](Point p) {
    svg.box({p.x, p.y - 5, p.x + 24, p.y + 5},
            with("fill", colour::blue) + "fill-opacity=\"0.18\"");
    svg.path({p, {p.x + 24, p.y}}, with("stroke", colour::blue) + "stroke-width=\"3\"");
  });
  entry(176, "initial tokens, median",
        sample(with("stroke", colour::orange) + "stroke-width=\"2\" stroke-dasharray=\"5 4\""));
  entry(100, "reference",
        sample(with("stroke", colour::dark) + "stroke-width=\"1.5\" stroke-dasharray=\"1 4\""));
  if (!with_marks) return;
  at = {start, at.y + 18};
  entry(224, "explosion block, factor", [&](Point p) {
    triangle(svg, {p.x + 12, p.y}, true, true);
  });
  entry(176, "decay block, factor", [&](Point p) { triangle(svg, {p.x + 12, p.y}, false, true); });
  entry(100, "other stages", [&](Point p) {
    triangle(svg, {p.x + 4, p.y}, true, false);
    triangle(svg, {p.x + 20, p.y}, false, false);
  });
}

}  // namespace

void draw_stages(Svg& svg, const Box& plot, const Scale& x, const Observation& o) {
  for (std::size_t i = 0; i < o.stages.size(); ++i) {
    const auto& stage = o.stages[i];
    const bool primary = static_cast<std::int32_t>(i) == o.primary_stage;
    const Box range = {std::max(plot.left, x.at(stage.first_block - 0.5)), plot.top,
                       std::min(plot.right, x.at(stage.last_block + 0.5)), plot.bottom};
    svg.box(range, with("class", "stage") + with("fill", primary ? "#dcebf5" : "#f1f1f1"));
    std::string label = std::to_string(i + 1);
    if (primary && range.width() > 100) label = "stage " + label + " (primary)";
    svg.text({(range.left + range.right) / 2, plot.bottom - 8}, label,
             "font-size=\"11.5\" text-anchor=\"middle\" fill=\"#555\"");
  }
}

void draw_norms(Svg& svg, const Box& room, const Observation& o) {
  std::vector<BlockNorms> norms;
  std::vector<double> drawn;
  double last_block = 1;
  for (const auto& block : o.blocks) {
    const auto n = norms.emplace_back(norms_of(block, o.probe));
    drawn.insert(drawn.end(), {n.high_norm_low, n.high_norm_high, n.initial, n.reference});
    last_block = std::max(last_block, n.block);
  }
  const bool has_marks = !marks_of(o).empty();
  const Box box = {room.left, room.top + 56 + kLabelBand, room.right, room.bottom - 52};
  const Plot plot = {svg, box, Scale::linear(0, last_block, box.left + 8, box.right - 12, true),
                     Scale::decades(drawn, box.bottom, box.top), norms};

  draw_stages(svg, box, plot.x, o);
  draw_axes(svg, box,
            {"Norms by block", "block (0 is the embedding output)", "norm of the hidden state",
             room.top + 12, 0},
            plot.x, plot.y);
  draw_legend(svg, {room.left, room.top + 34}, has_marks);
  if (std::ranges::none_of(drawn, can_be_drawn)) {
    svg.text({(box.left + box.right) / 2, (box.top + box.bottom) / 2}, "no norms to show",
             "text-anchor=\"middle\" fill=\"#777\"");
    return;
  }
  plot.band();
  plot.curve(&BlockNorms::reference,
             with("stroke", colour::dark) + "stroke-width=\"1.5\" stroke-dasharray=\"1 4\"");
  plot.curve(&BlockNorms::high_norm, with("stroke", colour::blue) + "stroke-width=\"3\"");
  plot.curve(&BlockNorms::initial,
             with("stroke", colour::orange) + "stroke-width=\"2\" stroke-dasharray=\"5 4\"");
  draw_marks(plot, o);
}

}  // namespace azimuth::pictures
