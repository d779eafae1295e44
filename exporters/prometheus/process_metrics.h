#pragma once

#include "metric_families.h"

namespace azimuth {

/// The usual `process_*` metrics, from /proc; none where there is no /proc.
void add_process_metrics(MetricFamilies& families);

}  // namespace azimuth
