#pragma once

#include <cmath>
#include <string>

#include "azimuth/attestation.h"

namespace azimuth::testing {

/// An audit that came to MATCH, with a number that JSON has no word for.
inline Audit sample_audit() {
  Audit audit;
  audit.verdict = Verdict::match;
  audit.base.architecture = "llama";
  audit.base.weights_digest = std::string(64, 'b');
  audit.release.weights_digest = std::string(64, 'c');
  audit.rate = 1e-6;
  audit.tests = 49;
  audit.log10_corrected_p = -265.25;
  audit.exact.push_back({.test = order_test::neurons, .matched = 128, .in_order = 128});
  audit.share = NAN;
  return audit;
}

/// Of 2026-05-01 12:00:00 UTC.
inline Attestation sample_attestation() {
  return attest(sample_audit(),
                {{"config.json", std::string(64, '1')}, {"w", std::string(64, '2')}},
                {{"base.gguf", std::string(64, '3')}}, 1777636800);
}

}  // namespace azimuth::testing
