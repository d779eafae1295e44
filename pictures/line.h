#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "azimuth/run_charts.h"
#include "scale.h"
#include "svg.h"

namespace azimuth::pictures {

/// The line of one number of a run: pieces without a gap. Of points that are too close to be told
/// apart the lowest and the highest stay. A gap is where no number is finite, or the step falls
/// back.
std::vector<std::vector<Point>> line_pieces(std::span<const RunPoint> points,
                                            const std::function<double(const RunPoint&)>& number,
                                            const Scale& x, const Scale& y);

/// From the first step to the last, between the ends of `plot`.
Scale step_scale(std::span<const RunPoint> points, const Box& plot);

}  // namespace azimuth::pictures
