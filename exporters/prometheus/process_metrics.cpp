#include "process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace azimuth {
namespace {

struct ProcessTimes {
  double cpu_seconds = 0;
  double start_seconds_after_boot = 0;
  double virtual_bytes = 0;
  double resident_bytes = 0;
};

std::optional<ProcessTimes> read_stat() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  // The second field, the name in brackets, may hold anything.
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  const auto skip = [&](int count) {
    for (int i = 0; i < count; ++i) fields >> skipped;
  };
  double user_ticks = 0, system_ticks = 0, start_ticks = 0, virtual_bytes = 0, resident_pages = 0;
  skip(11);  // fields 3 to 13 of proc(5)
  fields >> user_ticks >> system_ticks;
  skip(6);
  fields >> start_ticks >> virtual_bytes >> resident_pages;
  if (!fields) return std::nullopt;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  return ProcessTimes{(user_ticks + system_ticks) / ticks, start_ticks / ticks, virtual_bytes,
                      resident_pages * page};
}

double boot_time() {
  std::ifstream file("/proc/stat");
  std::string key;
  double value = 0;
  for (std::string line; std::getline(file, line);) {
    if (std::istringstream(line) >> key >> value && key == "btime") return value;
  }
  return kNotApplicable;
}

double open_files() {
  std::error_code error;
  double count = 0;
  std::filesystem::directory_iterator entry("/proc/self/fd", error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) ++count;
  return error ? kNotApplicable : count - 1;  // the listing itself is one
}

double max_files() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kNotApplicable;
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace

void add_process_metrics(MetricFamilies& families) {
  const auto stat = read_stat();
  if (!stat) return;
  families.counter("process_cpu_seconds_total",
                   "User and system CPU time of the process, in seconds.", stat->cpu_seconds);
  families.gauge("process_resident_memory_bytes", "Resident memory of the process, in bytes.",
                 stat->resident_bytes);
  families.gauge("process_virtual_memory_bytes", "Virtual memory of the process, in bytes.",
                 stat->virtual_bytes);
  families.gauge("process_open_fds", "File descriptors that the process has open.", open_files());
  families.gauge("process_max_fds", "File descriptors that the process may have open.",
                 max_files());
  families.gauge("process_start_time_seconds",
                 "Unix time at which the process started, in seconds.",
                 boot_time() + stat->start_seconds_after_boot);
}

}  // namespace azimuth
