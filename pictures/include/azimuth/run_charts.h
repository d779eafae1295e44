#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "azimuth/observation.h"

/// Charts of a run for a page: one SVG each, 420 wide, so that the text is readable where the page
/// is as narrow as a phone. Long runs are thinned out as they are drawn: extremes stay, and no
/// chart of ordinary names grows beyond some hundred kilobytes, however long the run.
///
///     std::vector<azimuth::RunPoint> points;
///     history.for_each(run, [&](const auto& o) { points.push_back(azimuth::run_point(o)); });
///     page += azimuth::draw_turns(points, {});
///
/// `points` are of one run, with rising steps, and may be none. Numbers that are not finite are
/// left out. Names may hold anything: they are escaped. Colours are such as colour-blind people can
/// tell apart, on white; a page with a dark scheme can replace the greys, which stand in
/// attributes. Thread-safe; throws nothing but std::bad_alloc.
namespace azimuth {

/// What the charts need of an observation: small, so that a long run fits into memory.
struct RunPoint {
  std::int64_t step = 0;
  State state = State::unspecified;
  double loss = kNotApplicable;
  double overhead_ratio = kNotApplicable;
  std::vector<AngleObservation> angles;
  std::vector<float> norms;  ///< by block from 0: the largest of the probe's tokens
};
RunPoint run_point(const Observation& observation);

/// Where something happened.
struct EventMark {
  std::int64_t step = 0;
  bool severe = false;
};

/// Angles to the base, to the previous snapshot and to up to four named references, each with its
/// noise floor; below them the states; across them the events.
std::string draw_turns(std::span<const RunPoint> points, std::span<const EventMark> events);

/// The largest norm of each block, as colours, over steps.
std::string draw_norm_map(std::span<const RunPoint> points);

/// What watching has cost up to each step, in per cent of the machine.
std::string draw_overhead(std::span<const RunPoint> points);

std::string draw_loss(std::span<const RunPoint> points);

}  // namespace azimuth
