#include "azimuth/attestation.h"

#include <ctime>
#include <stdexcept>
#include <utility>

#include "azimuth/file_error.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/replace_file.h"
#include "envelope.h"
#include "statement.h"

namespace azimuth {
namespace {

constexpr const char* kSchema = "azimuth.v1";
constexpr const char* kSupposes =
    "A p-value supposes a base whose digest was published before the release was seen.";

std::string rfc3339(double unix_seconds) {
  constexpr double kYear10000 = 253402300800;
  if (!(unix_seconds >= 0 && unix_seconds < kYear10000)) {
    throw std::invalid_argument("the time lies outside the years 1970 to 9999");
  }
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

}  // namespace

Attestation attest(const Audit& audit, std::vector<FileDigest> release,
                   std::vector<FileDigest> base, double unix_seconds) {
  const v1::Audit message = to_proto(audit);
  Attestation a;
  a.release = std::move(release);
  a.base = std::move(base);
  a.base_weights_digest = audit.base.weights_digest;
  a.evidence = to_json(message);
  a.verdict = v1::Verdict_Name(message.verdict());
  a.rate = audit.rate;
  a.bases = audit.bases;
  a.thorough = audit.thorough;
  a.match_share = kMatchShare;
  a.match_neurons = kMatchNeurons;
  a.no_match_share = kNoMatchShare;
  a.program_version = AZIMUTH_VERSION;
  a.schema_version = kSchema;
  a.audited_at = rfc3339(unix_seconds);
  a.supposes = kSupposes;
  try {
    return parse_statement("attestation", statement_of(a));
  } catch (const FileError& error) {
    throw std::invalid_argument(error.what());
  }
}

void write_attestation(const std::filesystem::path& file, const Attestation& attestation,
                       const SigningKey& key) {
  replace_file(file, sealed(attestation.statement, key));
}

Attestation read_attestation(const std::filesystem::path& file, const VerifyingKey& key) {
  return parse_statement(file, opened(file, key));
}

}  // namespace azimuth
