#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/exporter.h"
#include "azimuth/observation.h"

namespace azimuth::examples {

/// The observations of a run in a history store, one a step. Where the run was killed and went on,
/// the steps that were repeated are the last attempt's, and later ones of earlier attempts are left
/// out. Throws std::runtime_error.
std::vector<Observation> observations_of(const std::filesystem::path& store, std::string_view run);

/// The newest observation and what watching has cost, in words.
std::string summary(std::span<const Observation> observations, const MonitorStatus& status);

/// Writes the picture of a run. Throws std::runtime_error.
void write_picture(std::span<const Observation> observations, const std::filesystem::path& file);

}  // namespace azimuth::examples
