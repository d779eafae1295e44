#pragma once

namespace azimuth::cli {

/// What the programs exit with.
inline constexpr int kUsage = 2;
inline constexpr int kBadInput = 3;
inline constexpr int kNoAngle = 4;

struct ExitCode {
  int code;
  const char* meaning;
};

/// All that there are, for the manual and the help.
inline constexpr ExitCode kExitCodes[] = {
    {0, "done"},
    {kUsage, "the command line is wrong"},
    {kBadInput,
     "a file or a server is missing, damaged or not what it should be; one line on standard error "
     "says 'azimuth: FILE: what: why'"},
    {kNoAngle, "compare: a pair of models has no angle"},
};

}  // namespace azimuth::cli
