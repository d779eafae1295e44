#include "help/command_tree.h"

#include <CLI/CLI.hpp>
#include <sstream>

namespace azimuth::cli {
namespace {

/// "TEXT:{text,json}" is how CLI11 writes a type with its only values.
std::vector<std::string> choices_of(const std::string& type) {
  const std::size_t start = type.find(":{");
  if (start == std::string::npos || type.back() != '}') return {};
  std::istringstream list(type.substr(start + 2, type.size() - start - 3));
  std::vector<std::string> choices;
  for (std::string choice; std::getline(list, choice, ',');) choices.push_back(choice);
  return choices;
}

Argument argument_of(const CLI::Option& option) {
  Argument argument;
  for (const std::string& name : option.get_snames()) argument.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) argument.names.push_back("--" + name);
  if (option.get_positional()) argument.names = {option.get_name(true)};
  argument.description = option.get_description();
  argument.required = option.get_required();
  argument.several = option.get_items_expected_max() > 1;
  if (option.get_items_expected_max() == 0) return argument;
  const std::string type = option.get_type_name();
  argument.choices = choices_of(type);
  argument.value = argument.choices.empty() ? type : type.substr(0, type.find(":{"));
  return argument;
}

}  // namespace

bool Argument::takes_file() const {
  return choices.empty() && (value == "FILE" || value == "TEXT");
}

Call described(const CLI::App& app) {
  Call call{app.get_name(), app.get_description(), app.get_footer(), {}, {}};
  for (const CLI::Option* option : app.get_options({})) {
    (option->get_positional() ? call.positionals : call.options).push_back(argument_of(*option));
  }
  return call;
}

std::vector<Call> calls_of(const CLI::App& app) {
  std::vector<Call> calls;
  for (const CLI::App* call : app.get_subcommands({})) {
    if (!call->get_group().empty()) calls.push_back(described(*call));
  }
  return calls;
}

}  // namespace azimuth::cli
