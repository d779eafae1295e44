#include <string>

#include "azimuth/absence.h"
#include "azimuth/pictures.h"
#include "azimuth/utf8.h"
#include "panels.h"

namespace azimuth {
namespace pictures {

std::string with(std::string_view name, std::string_view value) {
  return std::string(name) + "=\"" + std::string(value) + "\" ";
}

void draw_axes(Svg& svg, const Box& plot, const Axes& axes, const Scale& x, const Scale& y) {
  for (const auto& tick : y.ticks()) {
    const double at = y.at(tick.value);
    svg.line({plot.left, at}, {plot.right, at}, "stroke=\"#e4e4e4\"");
    svg.text({plot.left - 8, at + 4}, tick.label, "text-anchor=\"end\"");
  }
  for (const auto& tick : x.ticks()) {
    const double at = x.at(tick.value);
    svg.line({at, plot.bottom + axes.below}, {at, plot.bottom + axes.below + 5}, "stroke=\"#888\"");
    svg.text({at, plot.bottom + axes.below + 19}, tick.label, "text-anchor=\"middle\"");
  }
  svg.line({plot.left, plot.bottom}, {plot.right, plot.bottom}, "stroke=\"#888\"");
  svg.line({plot.left, plot.top}, {plot.left, plot.bottom}, "stroke=\"#888\"");

  const double middle = (plot.left + plot.right) / 2;
  if (!axes.title.empty()) {
    svg.text({plot.left, axes.title_y}, axes.title, "font-size=\"14\" font-weight=\"bold\"");
  }
  svg.text({middle, plot.bottom + axes.below + 38}, axes.x_title, "text-anchor=\"middle\"");
  if (axes.y_title.empty()) return;
  const double x_of_y = plot.left - 54;
  const double y_of_y = (plot.top + plot.bottom) / 2;
  svg.text({x_of_y, y_of_y}, axes.y_title,
           "text-anchor=\"middle\" transform=\"rotate(-90 " + std::to_string(x_of_y) + " " +
               std::to_string(y_of_y) + ")\"");
}

}  // namespace pictures

namespace {

constexpr double kWidth = 1200;
constexpr double kHeight = 520;
constexpr double kTextHeight = 460;        // below
constexpr std::size_t kLongestTitle = 90;  // characters

std::string summary(const Observation& o) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "  ·  ") + part; };
  if (!o.model.architecture.empty()) add(shortened(o.model.architecture, kLongestTitle));
  if (o.model.hidden_size > 0) add("hidden size " + std::to_string(o.model.hidden_size));
  if (o.model.block_count > 0) add(std::to_string(o.model.block_count) + " blocks");
  if (o.sequence > 0) add("step " + std::to_string(o.step));  // 0: of a file, not of a run
  if (o.state != State::unspecified) {
    add(std::string(name_of(o.state)) + " since step " + std::to_string(o.state_since_step));
  }
  if (o.provisional) add("direction provisional");
  if (const std::string absence = absence_text(o); !absence.empty()) add(absence);
  return text;
}

constexpr pictures::Box kRoom = {84, 80, kWidth - 24, kHeight - 12};
constexpr double kFirstHalf = 590;  // ends there
constexpr double kSecondHalf = 690;

pictures::Svg titled(const std::string& title, const std::string& below, double height = kHeight) {
  pictures::Svg svg(kWidth, height, title);
  svg.text({24, 34}, title, "font-size=\"20\" font-weight=\"bold\" fill=\"#111\"");
  svg.text({24, 57}, below, "font-size=\"13\" fill=\"#555\"");
  return svg;
}

}  // namespace

std::string draw_run(std::span<const Observation> observations) {
  using namespace pictures;
  const std::string run =
      observations.empty() ? "" : shortened(observations.back().run, kLongestTitle);
  Svg svg = titled(run.empty() ? "High-norm direction" : run,
                   observations.empty() ? "no observations" : summary(observations.back()));
  if (observations.empty()) return std::move(svg).finish();
  if (has_angles_or_states(observations)) {
    draw_norms(svg, {kRoom.left, kRoom.top, kFirstHalf, kRoom.bottom}, observations.back());
    draw_angles(svg, {kSecondHalf, kRoom.top, kRoom.right, kRoom.bottom}, observations);
  } else {
    draw_norms(svg, kRoom, observations.back());
  }
  return std::move(svg).finish();
}

std::string draw_model(const Observation& observation, std::string_view title) {
  using namespace pictures;
  Svg svg = titled(shortened(title, kLongestTitle), summary(observation),
                   observation.text ? kHeight + kTextHeight : kHeight);
  if (observation.text) {
    const double top = kHeight + 12;
    const double bottom = kHeight + kTextHeight - 12;
    draw_text_angles(svg, {kRoom.left, top, kFirstHalf, bottom}, observation);
    draw_text_tokens(svg, {kSecondHalf, top, kRoom.right, bottom}, observation);
  }
  if (has_singular_directions(observation)) {
    draw_norms(svg, {kRoom.left, kRoom.top, kFirstHalf, kRoom.bottom}, observation);
    draw_singular_angles(svg, {kSecondHalf, kRoom.top, kRoom.right, kRoom.bottom}, observation);
  } else {
    draw_norms(svg, kRoom, observation);
  }
  return std::move(svg).finish();
}

}  // namespace azimuth
