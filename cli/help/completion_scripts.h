#pragma once

#include <string>
#include <vector>

#include "help/command_tree.h"

namespace azimuth::cli {

/// A completion script for one shell each, as text. `program` is the program itself with its own
/// options, `calls` are its calls. The scripts complete calls, options, the values of options that
/// take one of a few, and the names of files where a file is expected.
std::string bash_completion(const Call& program, const std::vector<Call>& calls);
std::string zsh_completion(const Call& program, const std::vector<Call>& calls);
std::string fish_completion(const Call& program, const std::vector<Call>& calls);

}  // namespace azimuth::cli
