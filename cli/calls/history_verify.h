#pragma once

#include <filesystem>
#include <string>

#include "azimuth/open_model.h"

namespace azimuth::cli {

struct HistoryVerifyOptions {
  std::filesystem::path store;
  std::string run;      ///< empty: all
  std::string release;  ///< CKPT; empty: none is asked about
  OpenModelOptions reading = {};
  std::string format;
};

/// `azimuth history --verify`: walks the chains, and holds a release against a run's last snapshot.
/// Throws CLI::RuntimeError with the exit code where not all is well, after it has been printed.
void verify_history(const HistoryVerifyOptions& options);

}  // namespace azimuth::cli
