#pragma once

#include <span>
#include <string>

#include "azimuth/audit.h"

namespace azimuth::cli {

/// What is called what: `base` is as it was given.
struct NamedAudit {
  std::string base;
  Audit audit;
};

/// Of two verdicts the lower says more: what is open comes before what is ruled out.
int rank(Verdict verdict);

/// "10^-503", rounded up.
std::string power(double log10_p);

std::string percent(double share);

/// "6", or "6.2" of an expert behind the first; "–" where there is none.
std::string place_text(const FfnPlace& place);

/// The verdict and what it supposes, in lines.
std::string verdict_sentences(const Audit& audit);

/// Audits of one release for a person, the one that says most first. Of that the verdict and what
/// it supposes, then the evidence; of the others a line.
std::string audit_text(std::span<const NamedAudit> audits);

}  // namespace azimuth::cli
