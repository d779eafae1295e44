#include "run_name.h"

#include <algorithm>
#include <cmath>

#include "azimuth/history_reader.h"

namespace azimuth::examples {

RunName choose_run_name(const std::filesystem::path& store, const std::string& name) {
  if (!std::filesystem::exists(store)) return {name, ""};
  const auto runs = HistoryReader(store).runs();
  std::string previous;
  for (int number = 1;; ++number) {
    const std::string candidate = number == 1 ? name : name + "-" + std::to_string(number);
    const auto run = std::ranges::find(runs, candidate, &HistoryReader::Run::run);
    if (run == runs.end()) {
      return {candidate, previous.empty()
                             ? ""
                             : "Run " + previous + " is complete; this is a new run, " + candidate +
                                   ", in the same store."};
    }
    if (std::isnan(run->ended_at)) {
      return {candidate, "Run " + candidate + " was cut off at step " +
                             std::to_string(run->last_step) + " or later; it goes on as attempt " +
                             std::to_string(run->attempts + 1) +
                             ", from the model file again, since its weights were not saved."};
    }
    previous = candidate;
  }
}

}  // namespace azimuth::examples
