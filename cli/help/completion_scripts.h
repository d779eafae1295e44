#pragma once

#include <string>
#include <vector>

#include "help/command_tree.h"

namespace azimuth::cli {

std::string bash_completion(const Call& program, const std::vector<Call>& calls);
std::string zsh_completion(const Call& program, const std::vector<Call>& calls);
std::string fish_completion(const Call& program, const std::vector<Call>& calls);

}  // namespace azimuth::cli
