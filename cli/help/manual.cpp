#include "help/manual.h"

#include <CLI/CLI.hpp>
#include <sstream>
#include <string>

#include "help/command_tree.h"
#include "terminal/exit_codes.h"
#include "terminal/output.h"

namespace azimuth::cli {
namespace {

constexpr const char* kEnvironment =
    ".SH ENVIRONMENT\n"
    ".TP\n\\fBNO_COLOR\\fR\nif not empty: no colours, even on a terminal\n";

/// Text as roff takes it: no line begins a request.
std::string roff(const std::string& text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    line_begins = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string value_of(const Argument& argument) {
  if (argument.choices.empty()) return "\\fI" + roff(argument.value) + "\\fR";
  std::string out;
  for (const std::string& choice : argument.choices) {
    out += (out.empty() ? "" : "|") + ("\\fB" + roff(choice) + "\\fR");
  }
  return out;
}

std::string option_paragraph(const Argument& option) {
  std::string out = ".TP\n";
  for (std::size_t i = 0; i < option.names.size(); ++i) {
    out += (i == 0 ? "" : ", ") + ("\\fB" + roff(option.names[i]) + "\\fR");
  }
  if (!option.value.empty()) out += " " + value_of(option);
  return out + "\n" + roff(option.description) + "\n";
}

std::string arguments_of(const Call& call) {
  std::string out;
  for (const Argument& option : call.options) out += option_paragraph(option);
  return out;
}

/// Of a footer: text, then lines that are indented and shown as they are.
std::string footer_of(const Call& call) {
  std::istringstream lines(call.footer);
  std::string out;
  bool shown = false;
  for (std::string line; std::getline(lines, line);) {
    const bool indented = line.starts_with("  ");
    if (indented != shown) out += indented ? ".PP\n.RS 4\n.nf\n" : ".fi\n.RE\n";
    if (!indented) out += ".PP\n";
    shown = indented;
    out += roff(indented ? line.substr(2) : line) + "\n";
  }
  return shown ? out + ".fi\n.RE\n" : out;
}

std::string call_section(const Call& call) {
  std::string out = ".SS \"azimuth " + roff(call.name);
  for (const Argument& positional : call.positionals) {
    const std::string name = positional.names.front() + (positional.several ? "..." : "");
    out += " " + roff(positional.required ? name : "[" + name + "]");
  }
  out += "\"\n" + roff(call.description) + "\n";
  for (const Argument& positional : call.positionals) {
    out += ".TP\n\\fI" + roff(positional.names.front()) + "\\fR\n" + roff(positional.description) +
           "\n";
  }
  return out + arguments_of(call) + footer_of(call);
}

std::string exit_status() {
  std::string out = ".SH EXIT STATUS\n";
  for (const ExitCode& exit : kExitCodes) {
    out += ".TP\n\\fB" + std::to_string(exit.code) + "\\fR\n" + roff(exit.meaning) + "\n";
  }
  return out;
}

std::string page(const CLI::App& app) {
  const Call program = described(app);
  std::string out =
      ".TH AZIMUTH 1 \"\" \"azimuth " AZIMUTH_VERSION
      "\" \"User Commands\"\n"
      ".SH NAME\nazimuth \\- measures the high\\-norm direction of language models\n"
      ".SH SYNOPSIS\n\\fBazimuth\\fR \\fICALL\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n"
      ".SH DESCRIPTION\n" +
      roff(program.description) + "\n" + footer_of(program) + ".SH OPTIONS\n" +
      arguments_of(program) + ".SH CALLS\n";
  for (const Call& call : calls_of(app)) out += call_section(call);
  return out + exit_status() + kEnvironment;
}

}  // namespace

void add_manual(CLI::App& app) {
  CLI::App* call = app.add_subcommand("manual", "Prints the manual page.");
  call->group("");
  call->callback([&app] { print(page(app)); });
}

}  // namespace azimuth::cli
