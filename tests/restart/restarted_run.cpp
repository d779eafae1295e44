// A training program that is going to be killed: restarted_run STORE FIRST_STEP LAST_STEP. Its
// direction at a step is known beforehand: turned by 0.01° a step from the base. Writes a line a
// step, for the test to choose its moment by. Ends with 3 if another process has the run.

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "azimuth/history_store.h"
#include "azimuth/monitor.h"
#include "support/tiny_llama.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  using azimuth::testing::TinyLlama;
  const auto model = std::make_shared<TinyLlama>();
  const Eigen::VectorXf at_base = model->direction;
  azimuth::Monitor monitor({.run = "restarted",
                            .snapshot_interval = azimuth::SnapshotInterval::every_steps(1),
                            .probe_size = 12});
  monitor.add(azimuth::HistoryStore::open(argv[1]));
  monitor.use_first_snapshot_as_base();
  azimuth::Attachment attached;
  try {
    attached = monitor.attach_source(std::make_unique<azimuth::testing::TinySource>(model));
  } catch (const azimuth::RunInUse& error) {
    std::printf("%s\n", error.what());
    return 3;
  }
  const std::int64_t last = std::atoll(argv[3]);
  for (std::int64_t step = std::atoll(argv[2]); step <= last; ++step) {
    model->set_direction(at_base);
    model->turn(0.01 * static_cast<double>(step));
    attached.step({.step = step});
    std::printf("%lld\n", static_cast<long long>(step));
    std::fflush(stdout);
    monitor.drain(std::chrono::seconds(30));
  }
  return monitor.finish(std::chrono::seconds(30)) ? 0 : 1;
}
