#pragma once

#include <string>

namespace azimuth::cli {

/// A number of a table: its first four digits, and never an exponent where people expect none;
/// nothing for one that does not apply.
std::string number_text(double value);

}  // namespace azimuth::cli
