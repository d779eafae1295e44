#pragma once

namespace azimuth::examples {

/// Memory that is freed stays with the process. A training step frees and takes the same gigabytes
/// again and again; handing them back to the system each time costs about a tenth of the step, and
/// makes its time uneven.
void keep_freed_memory();

}  // namespace azimuth::examples
