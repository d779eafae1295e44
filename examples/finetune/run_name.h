#pragma once

#include <filesystem>
#include <string>

namespace azimuth::examples {

struct RunName {
  std::string run;
  std::string reason;  ///< one line for the user; empty: the store does not know the run yet
};

/// Under which name to fine-tune, given what the store holds. A run that ended is left as it is:
/// its successor is `name`-2, then `name`-3. One that was killed goes on under its name. Throws
/// std::runtime_error if there is a store that cannot be read.
RunName choose_run_name(const std::filesystem::path& store, const std::string& name);

}  // namespace azimuth::examples
