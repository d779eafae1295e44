#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace azimuth::cli {

/// `--format text|json`; `what` is what the JSON is.
void add_format_option(CLI::App& call, std::string& format, const std::string& what);

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
