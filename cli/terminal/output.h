#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace azimuth::cli {

/// A format that not every call has, and what it is.
struct OtherFormat {
  std::string name;
  std::string what;
};

/// `--format text|json`; `what` is what the JSON is.
CLI::Option* add_format_option(CLI::App& call, std::string& format, const std::string& what,
                               const std::vector<OtherFormat>& others = {});

/// Whether standard output is a terminal, and colours were not declined (https://no-color.org).
bool colours_wanted();

/// To standard output. Throw std::runtime_error where it cannot be written: a full disk must not
/// look like success.
void print(const std::string& text);
void print_json(const std::string& json);  ///< and a newline

/// Before a call works for minutes: throws FileError if `file` cannot be what it then writes, since
/// its folder is missing, or it is one of the files that are read: `inputs`, CKPT or STORE as they
/// were given, and what lies in folders among them. Nothing if `file` is empty.
void check_output(const std::filesystem::path& file, const std::vector<std::string>& inputs);

}  // namespace azimuth::cli
