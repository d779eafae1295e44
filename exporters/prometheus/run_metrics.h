#pragma once

#include "azimuth/exporter.h"
#include "azimuth/observation.h"
#include "metric_families.h"

namespace azimuth {

/// What the monitor says of the run and of itself. Complete from the start.
void add_status_metrics(MetricFamilies& families, const MonitorStatus& status);

/// What the newest observation says of the direction and of the blocks.
void add_observation_metrics(MetricFamilies& families, const Observation& observation);

}  // namespace azimuth
