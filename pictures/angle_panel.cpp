#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "panels.h"

namespace azimuth::pictures {
namespace {

constexpr double kStrip = 20;          // height of the states
constexpr std::size_t kMostDots = 60;  // beyond that, lines alone

struct Series {
  std::string_view reference;
  std::string_view words;
  std::string_view colour;
  std::string_view dashes;
};
constexpr Series kSeries[] = {{"base", "to the base", colour::vermilion, "none"},
                              {"previous", "to the previous snapshot", colour::blue, "6 4"}};

const AngleObservation* angle_to(const Observation& o, std::string_view reference) {
  const auto found = std::ranges::find(o.angles, reference, &AngleObservation::reference);
  return found == o.angles.end() ? nullptr : &*found;
}

std::string_view colour_of(State state) {
  switch (state) {
    case State::emerging:
      return colour::yellow;
    case State::settling:
      return colour::sky;
    case State::stable:
      return colour::green;
    case State::drifting:
      return colour::orange;
    case State::changed:
      return colour::vermilion;
    case State::absent:
    case State::unspecified:
      break;
  }
  return colour::grey;
}

struct Plot {
  Svg& svg;
  Box box;
  Scale x;
  Scale y;
  std::span<const Observation> observations;

  /// One line for each run of observations that have the number, in the order of their steps.
  template <class Draw>
  void pieces(std::string_view reference, double AngleObservation::*value, Draw draw) const {
    std::vector<Point> points;
    std::int64_t last_step = 0;
    const auto flush = [&] {
      if (!points.empty()) draw(points);
      points.clear();
    };
    for (const auto& o : observations) {
      if (!points.empty() && o.step <= last_step) flush();
      last_step = o.step;
      const auto* angle = angle_to(o, reference);
      if (angle != nullptr && std::isfinite(angle->*value)) {
        points.push_back({x.at(static_cast<double>(o.step)), y.at(angle->*value)});
      } else {
        flush();
      }
    }
    flush();
  }

  void draw(const Series& series) const {
    pieces(series.reference, &AngleObservation::noise_floor_degrees, [&](auto points) {
      svg.path(points, with("stroke", series.colour) +
                           "stroke-width=\"1.6\" stroke-opacity=\"0.7\" stroke-dasharray=\"1 4\"");
      points.push_back({points.back().x, box.bottom});
      points.push_back({points.front().x, box.bottom});
      svg.area(points, with("fill", series.colour) + "fill-opacity=\"0.08\"");
    });
    pieces(series.reference, &AngleObservation::degrees, [&](const auto& points) {
      svg.path(points, with("stroke", series.colour) + with("stroke-dasharray", series.dashes) +
                           "stroke-width=\"2.2\"");
      if (observations.size() > kMostDots) return;
      for (const auto& point : points) svg.circle(point, 3, with("fill", series.colour));
    });
  }
};

struct Stretch {
  State state = State::unspecified;
  double left = 0;
  double right = 0;
};

/// Each state reaches half-way to the neighbouring observations.
std::vector<Stretch> stretches(std::span<const Observation> observations, const Plot& plot) {
  std::vector<std::pair<std::int64_t, State>> states;
  for (const auto& o : observations) states.emplace_back(o.step, o.state);
  std::ranges::stable_sort(states, {}, &std::pair<std::int64_t, State>::first);
  std::vector<Stretch> all;
  for (std::size_t i = 0; i < states.size(); ++i) {
    const auto x = [&](std::size_t j) { return plot.x.at(static_cast<double>(states[j].first)); };
    const double left = i == 0 ? plot.box.left : (x(i - 1) + x(i)) / 2;
    const double right = i + 1 == states.size() ? plot.box.right : (x(i) + x(i + 1)) / 2;
    if (!all.empty() && all.back().state == states[i].second) {
      all.back().right = right;
    } else {
      all.push_back({states[i].second, left, right});
    }
  }
  std::erase_if(all, [](const Stretch& s) { return s.state == State::unspecified; });
  return all;
}

void draw_states(const Plot& plot, double key_y) {
  const double top = plot.box.bottom + 1;
  const auto all = stretches(plot.observations, plot);
  for (const auto& stretch : all) {
    const auto name = name_of(stretch.state);
    plot.svg.box({stretch.left, top, stretch.right, top + kStrip},
                 with("fill", colour_of(stretch.state)) + "stroke=\"#fff\" stroke-width=\"0.6\"");
    if (stretch.right - stretch.left < 7.2 * static_cast<double>(name.size()) + 6) continue;
    plot.svg.text({(stretch.left + stretch.right) / 2, top + 14.5}, name,
                  "font-size=\"11.5\" font-weight=\"bold\" text-anchor=\"middle\" fill=\"#111\"");
  }
  // All states that occur, because a short one has no room for its name.
  double x = plot.box.left;
  for (const State state : kStates) {
    if (std::ranges::find(all, state, &Stretch::state) == all.end()) continue;
    const auto name = name_of(state);
    plot.svg.box({x, key_y - 10, x + 12, key_y}, with("fill", colour_of(state)));
    plot.svg.text({x + 17, key_y}, name, "font-size=\"11.5\"");
    x += 34 + 7 * static_cast<double>(name.size());
  }
}

void draw_legend(Svg& svg, Point at) {
  for (const auto& series : kSeries) {
    svg.path({{at.x, at.y - 4}, {at.x + 24, at.y - 4}},
             with("stroke", series.colour) + with("stroke-dasharray", series.dashes) +
                 "stroke-width=\"2.2\"");
    svg.circle({at.x + 12, at.y - 4}, 3, with("fill", series.colour));
    svg.text({at.x + 30, at.y}, series.words, "font-size=\"11.5\"");
    at.x += 48 + 6.8 * static_cast<double>(series.words.size());
  }
  svg.box({at.x, at.y - 4, at.x + 24, at.y + 2},
          with("fill", colour::dark) + "fill-opacity=\"0.1\"");
  svg.path({{at.x, at.y - 4}, {at.x + 24, at.y - 4}},
           with("stroke", colour::dark) + "stroke-width=\"1.6\" stroke-dasharray=\"1 4\"");
  svg.text({at.x + 30, at.y}, "noise floor", "font-size=\"11.5\"");
}

/// All that the y axis has to show.
std::vector<double> numbers_of(std::span<const Observation> observations, bool with_floors) {
  std::vector<double> numbers;
  for (const auto& o : observations) {
    for (const auto& series : kSeries) {
      const auto* angle = angle_to(o, series.reference);
      if (angle == nullptr) continue;
      if (std::isfinite(angle->degrees)) numbers.push_back(angle->degrees);
      if (with_floors && std::isfinite(angle->noise_floor_degrees)) {
        numbers.push_back(angle->noise_floor_degrees);
      }
    }
  }
  return numbers;
}

}  // namespace

bool has_angles_or_states(std::span<const Observation> observations) {
  return !numbers_of(observations, false).empty() ||
         std::ranges::any_of(observations,
                             [](const auto& o) { return o.state != State::unspecified; });
}

void draw_angles(Svg& svg, const Box& room, std::span<const Observation> observations) {
  const auto [first, last] = std::ranges::minmax(observations, {}, &Observation::step);
  const Box box = {room.left, room.top + 56, room.right, room.bottom - 96};
  const Plot plot = {svg, box,
                     Scale::linear(static_cast<double>(first.step), static_cast<double>(last.step),
                                   box.left + 8, box.right - 12, true),
                     Scale::degrees(numbers_of(observations, true), box.bottom - 6, box.top),
                     observations};
  draw_axes(
      svg, box,
      {"Turn of the high-norm direction", "optimizer step", "angle", room.top + 12, kStrip + 2},
      plot.x, plot.y);
  draw_legend(svg, {room.left, room.top + 34});
  for (const auto& series : kSeries) plot.draw(series);
  if (numbers_of(observations, false).empty()) {
    svg.text({(box.left + box.right) / 2, (box.top + box.bottom) / 2},
             "no angles yet: there is nothing to compare with",
             "text-anchor=\"middle\" fill=\"#777\"");
  }
  draw_states(plot, room.bottom - 12);
}

}  // namespace azimuth::pictures
