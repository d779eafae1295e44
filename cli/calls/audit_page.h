#pragma once

#include <span>
#include <string>
#include <vector>

#include "azimuth/file_digests.h"
#include "calls/audit_text.h"

namespace azimuth::cli {

/// When an audit was made, and of which files: empty for signatures.
struct AuditedFiles {
  double unix_seconds = 0;
  std::vector<FileDigest> base;
  std::vector<FileDigest> release;
};

/// One HTML page about audits of `release`, the one that says most first: its verdict and what that
/// supposes, each test in words, and pictures; of the others a line. `files` are those of the
/// first.
std::string audit_page(const std::string& release, std::span<const NamedAudit> audits,
                       const AuditedFiles& files);

}  // namespace azimuth::cli
