#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "azimuth/model_weights.h"

namespace azimuth {

/// Where snapshots come from: an attached training program. Implemented by integrations.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;

  virtual const Architecture& architecture() const = 0;
  virtual std::int64_t vocab_size() const = 0;
  virtual std::int64_t hidden_size() const = 0;
  virtual std::int64_t block_count() const = 0;

  /// What is watched, in a line for the log; empty: nothing is logged.
  virtual std::string description() const { return {}; }
  /// What there is and is not used, a line each: logged, and in every observation.
  virtual std::vector<std::string> warnings() const { return {}; }

  /// The weights as they are now, copied, so that training may go on at once: all that the pass
  /// reads, of the token embedding only the rows `token_ids`; all tensors whole if `everything`
  /// (for the digest). Called on the training thread, only when nothing refers to the result of the
  /// last call any more, so that one buffer serves all. Throws std::exception (a parameter that has
  /// disappeared, no memory): the snapshot is then counted as failed.
  virtual ModelWeights capture(std::span<const std::int64_t> token_ids, bool everything) = 0;

  /// Bytes that captures hold beside the model itself.
  virtual std::int64_t extra_bytes() const = 0;
};

}  // namespace azimuth
