#pragma once

#include <string>
#include <vector>

#include "azimuth/audit.h"
#include "azimuth/workers.h"
#include "calls/checkpoint.h"

namespace azimuth::cli {

/// A CKPT of an audit.
struct AuditedCheckpoint {
  std::string name;  ///< as it was given
  Checkpoint checkpoint;
  std::vector<std::string> tokens = {};  ///< by id, where they are known
  std::string digest = {};               ///< of the weights, where an audit has made it
};

/// Reads the tokenizer beside a model too. Throws as open_checkpoint() and read_token_strings().
AuditedCheckpoint open_audited(const std::string& name, const OpenModelOptions& options);

/// An audit with a bar on a terminal. Where one of the two is a signature or a step of a history,
/// the weights of the other are measured with the same tokens, and directions alone are compared.
Audit audit_checkpoints(const AuditedCheckpoint& base, const AuditedCheckpoint& release,
                        const AuditOptions& options, Workers& workers);

}  // namespace azimuth::cli
