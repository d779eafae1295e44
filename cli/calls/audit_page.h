#pragma once

#include <span>
#include <string>

#include "calls/audit_text.h"

namespace azimuth::cli {

/// One HTML page about audits of `release`, the one that says most first: its verdict and what that
/// supposes, each test in words, and pictures; of the others a line.
std::string audit_page(const std::string& release, std::span<const NamedAudit> audits);

}  // namespace azimuth::cli
