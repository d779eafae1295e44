// How many probe ids does the direction need? Prints, for growing probes, the angle to the
// direction with 256 ids, and the CPU seconds of the pass. The library's default is the smallest
// that keeps the angle within 0.05°.

#include <cstdio>
#include <exception>

#include "azimuth/analysis.h"
#include "azimuth/angle.h"
#include "azimuth/gguf_model.h"
#include "azimuth/monitor.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench-probe-size MODEL.gguf\n");
    return 2;
  }
  try {
    const azimuth::ModelWeights weights = azimuth::load_gguf(argv[1]);
    azimuth::Workers workers;
    const azimuth::Clock clock;
    const auto observe = [&](std::int64_t size) {
      azimuth::AnalysisOptions options;
      options.token_ids = azimuth::default_probe(weights.architecture().special_token_ids,
                                                 weights.vocab_size(), size);
      return azimuth::analyse(weights, options, workers);
    };
    const azimuth::Observation all = observe(256);
    std::printf("%6s %14s %12s\n", "ids", "angle to 256", "CPU seconds");
    for (std::int64_t size : {4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256}) {
      const double before = clock.thread_cpu_seconds();
      const azimuth::Observation some = observe(size);
      const double seconds = clock.thread_cpu_seconds() - before;
      std::printf("%6zu %13.4f° %12.3f\n", some.probe.token_ids.size(),
                  azimuth::angle_degrees(some.direction, all.direction), seconds);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-probe-size: %s\n", error.what());
    return 3;
  }
}
