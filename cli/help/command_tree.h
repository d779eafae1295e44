#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace azimuth::cli {

/// An option or argument as the command line's definitions have it.
struct Argument {
  std::vector<std::string> names;  ///< "-o", "--output"; of an argument without dashes its name
  std::string description;
  std::string value;                 ///< what it takes: "FILE", "INT"; empty: nothing
  std::vector<std::string> choices;  ///< all that it takes, where that is fixed
  bool required = false;
  bool several = false;

  bool takes_file() const;
};

/// A call of the program, or the program itself.
struct Call {
  std::string name;
  std::string description;
  std::string footer;
  std::vector<Argument> options;
  std::vector<Argument> positionals;
};

/// Read from the same definitions as --help, so that nothing made from it can be out of date.
Call described(const CLI::App& app);
/// The calls that are not hidden.
std::vector<Call> calls_of(const CLI::App& app);

}  // namespace azimuth::cli
