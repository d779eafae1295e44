#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/audit.h"
#include "azimuth/file_digests.h"
#include "azimuth/signing_keys.h"

namespace azimuth {

/// The type of the predicate. It names docs/attestation.md, and need not lead there.
inline constexpr std::string_view kAuditPredicateType = "https://azimuth/audit/v1";

/// What a signer says of an audit: an in-toto Statement v1 about the files of a release, with the
/// audit as its predicate (docs/attestation.md).
struct Attestation {
  std::vector<FileDigest> release;  ///< the subjects
  std::vector<FileDigest> base;
  std::string base_weights_digest;
  std::string evidence;  ///< an Audit of azimuth.v1, as JSON
  std::string verdict;   ///< such as "VERDICT_MATCH"
  double rate = 0;
  std::int64_t bases = 1;  ///< as in AuditOptions, to make the audit again
  bool thorough = false;
  std::int64_t tests = 0;        ///< that its p-values are corrected for
  double log10_corrected_p = 0;  ///< NaN: no test gave one
  double share = 0;              ///< of neurons; NaN: there is none
  double match_share = 0;
  std::int64_t match_neurons = 0;
  double no_match_share = 0;
  std::string program_version;  ///< of azimuth
  std::string schema_version;   ///< of `evidence`
  std::string audited_at;       ///< RFC 3339, in UTC
  std::string supposes;         ///< what a p-value rests on that no audit sees
  std::string statement;        ///< all of it, as it is signed
};

/// Says nothing that read_attestation() would not read. Throws std::invalid_argument: no file of
/// the release or of the base, an audit whose base has no weights digest, a time outside the years
/// 1970 to 9999.
Attestation attest(const Audit& audit, std::vector<FileDigest> release,
                   std::vector<FileDigest> base, double unix_seconds);

/// The statement in a DSSE envelope that `key` has signed. Replaces `file` at once or not at all.
/// Throws FileError.
///
///     const SigningKey key = SigningKey::read("key.pem");
///     write_attestation("out.json", attest(audited, release, base, Clock().unix_seconds()), key);
void write_attestation(const std::filesystem::path& file, const Attestation& attestation,
                       const SigningKey& key);

/// What the statement says that `key` signed. The file is taken for hostile: at most 16 MiB are
/// read, nothing before its signature was verified, and what is returned is consistent: names of
/// files are not empty and differ, digests are digests, and verdict, rate and base are those of the
/// evidence. Throws FileError. Whether any file is the one that was attested is another question:
/// see digest_files() and differences().
Attestation read_attestation(const std::filesystem::path& file, const VerifyingKey& key);

/// In what an audit made again differs from the one that was attested, both as JSON: for each value
/// a line, "exact[0].log10_p: -319.2, and attested was -504.1". Numbers may differ by 1e-4 of
/// themselves or 1e-6, since processors round differently. Throws std::invalid_argument for what is
/// not JSON.
std::vector<std::string> evidence_differences(std::string_view attested,
                                              std::string_view made_again);

}  // namespace azimuth
