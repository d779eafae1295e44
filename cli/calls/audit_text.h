#pragma once

#include <string>

#include "azimuth/audit.h"

namespace azimuth::cli {

/// An audit for a person: the verdict and what it supposes, then the evidence.
std::string audit_text(const Audit& audit);

}  // namespace azimuth::cli
