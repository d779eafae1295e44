#include "calls/digest_checkpoint.h"

#include "azimuth/workers.h"
#include "calls/checkpoint.h"
#include "calls/measure.h"
#include "terminal/progress_bar.h"

namespace azimuth::cli {

std::vector<FileDigest> digest_checkpoint(const std::string& name, const OpenModelOptions& options,
                                          const std::filesystem::path& attestation) {
  Workers workers(all_cores());
  ProgressBar bar("hashing " + short_name(name));
  return digest_files({name, options.adapter, options.config}, attestation, workers, &bar);
}

}  // namespace azimuth::cli
