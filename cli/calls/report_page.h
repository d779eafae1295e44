#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "calls/run_story.h"

namespace azimuth::cli {

/// One HTML page about runs of the history `store`: words, charts, signature and events of each. It
/// loads nothing and runs no script. `left_out` is how many older runs are not on it.
std::string report_page(const std::string& store, std::span<const RunStory> stories,
                        std::size_t left_out);

}  // namespace azimuth::cli
