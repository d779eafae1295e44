#pragma once

namespace azimuth::cli {

/// What the programs exit with.
inline constexpr int kNoMatch = 1;
inline constexpr int kUsage = 2;
inline constexpr int kBadInput = 3;
inline constexpr int kUndecided = 4;

struct ExitCode {
  int code;
  const char* meaning;
};

/// All that there are, for the manual and the help.
inline constexpr ExitCode kExitCodes[] = {
    {0, "done"},
    {kNoMatch,
     "audit: NO_MATCH; verify: files are not those that were attested, or the audit made again "
     "comes to something else; history --verify: a record does not fit, or the release is not the "
     "run's last snapshot"},
    {kUsage, "the command line is wrong"},
    {kBadInput,
     "a file or a server is missing, damaged or not what it should be; one line on standard error "
     "says 'azimuth: FILE: what: why'"},
    {kUndecided,
     "compare: a pair of models has no angle; audit: INCONCLUSIVE, or with --exact "
     "MATCH_EMPIRICAL; history --verify: there is no chain, or nothing that would tell"},
};

}  // namespace azimuth::cli
