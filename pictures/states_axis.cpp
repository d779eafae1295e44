#include "states_axis.h"

#include <algorithm>
#include <string>

#include "panels.h"

namespace azimuth::pictures {
namespace {

constexpr double kNarrowest = 1;  // pixels that can be seen

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
    case State::nonfinite:
      return colour::purple;
    case State::absent:
    case State::unspecified:
      break;
  }
  return colour::grey;
}

}  // namespace

StatesAxis::StatesAxis(const Box& strip, const Scale& x, std::vector<StateAt> states)
    : strip_(strip) {
  std::ranges::stable_sort(states, {}, &StateAt::step);
  for (std::size_t i = 0; i < states.size(); ++i) {
    const auto at = [&](std::size_t j) { return x.at(static_cast<double>(states[j].step)); };
    const double left = i == 0 ? strip.left : (at(i - 1) + at(i)) / 2;
    const double right = i + 1 == states.size() ? strip.right : (at(i) + at(i + 1)) / 2;
    add({states[i].state, left, right});
  }
  std::erase_if(stretches_, [](const Stretch& s) { return s.state == State::unspecified; });
}

void StatesAxis::add(const Stretch& next) {
  if (stretches_.empty()) {
    stretches_.push_back(next);
    return;
  }
  Stretch& last = stretches_.back();
  const bool invisible = last.right - last.left < kNarrowest;
  if (last.state != next.state && !invisible) {
    stretches_.push_back(next);
    return;
  }
  last.state = std::max(last.state, next.state);  // what needs attention is declared last
  last.right = next.right;
  if (stretches_.size() < 2 || stretches_[stretches_.size() - 2].state != last.state) return;
  stretches_[stretches_.size() - 2].right = last.right;
  stretches_.pop_back();
}

void StatesAxis::draw(Svg& svg) const {
  for (const Stretch& stretch : stretches_) {
    const auto name = name_of(stretch.state);
    svg.box({stretch.left, strip_.top, stretch.right, strip_.bottom},
            with("fill", colour_of(stretch.state)) + "stroke=\"#fff\" stroke-width=\"0.6\"");
    if (stretch.right - stretch.left < 7.2 * static_cast<double>(name.size()) + 6) continue;
    svg.text({(stretch.left + stretch.right) / 2, (strip_.top + strip_.bottom) / 2 + 4.5}, name,
             "font-size=\"11.5\" font-weight=\"bold\" text-anchor=\"middle\" fill=\"#111\"");
  }
}

void StatesAxis::draw_key(Svg& svg, Point at) const {
  for (const State state : kStates) {
    if (std::ranges::find(stretches_, state, &Stretch::state) == stretches_.end()) continue;
    const auto name = name_of(state);
    svg.box({at.x, at.y - 10, at.x + 12, at.y}, with("fill", colour_of(state)));
    svg.text({at.x + 17, at.y}, name, "font-size=\"11.5\"");
    at.x += 34 + 7 * static_cast<double>(name.size());
  }
}

}  // namespace azimuth::pictures
