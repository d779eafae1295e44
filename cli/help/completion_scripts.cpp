#include "help/completion_scripts.h"

namespace azimuth::cli {
namespace {

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : between) + word;
  return out;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

std::string names_of(const std::vector<Argument>& options) {
  std::vector<std::string> names;
  for (const Argument& option : options) names.push_back(joined(option.names, " "));
  return joined(names, " ");
}

/// What bash offers for a value: nothing where it could be anything but a file.
std::string bash_offer(const Argument& argument) {
  if (!argument.choices.empty()) return "_azimuth_words '" + joined(argument.choices, " ") + "'";
  return argument.takes_file() ? "_azimuth_files" : ":";
}

std::string bash_case(const Call& call, const std::string& subcommands) {
  std::string out = "    " + (call.name == "azimuth" ? "''" : call.name) + ")\n";
  out += "      case $before in\n";
  for (const Argument& option : call.options) {
    if (option.value.empty()) continue;
    out += "        " + joined(option.names, " | ") + ") " + bash_offer(option) + "; return ;;\n";
  }
  out += "      esac\n";
  out += "      if [[ $current == -* ]]; then _azimuth_words '" + names_of(call.options) + "'\n";
  if (!subcommands.empty()) out += "      else _azimuth_words '" + subcommands + "'\n";
  if (!call.positionals.empty()) {
    out += "      else " + bash_offer(call.positionals.front()) + "\n";
  }
  return out + "      fi ;;\n";
}

// In single quotes, within brackets.
std::string zsh_text(const std::string& text) {
  std::string out = replaced(text, "'", "'\\''");
  out = replaced(replaced(out, "[", "\\["), "]", "\\]");
  return replaced(out, ":", "\\:");
}

std::string zsh_value(const Argument& argument) {
  if (argument.value.empty()) return {};
  const std::string label = ":" + replaced(argument.value, ":", "\\:") + ":";
  if (!argument.choices.empty()) return label + "(" + joined(argument.choices, " ") + ")";
  return label + (argument.takes_file() ? "_files" : " ");
}

std::string zsh_arguments(const Call& call) {
  std::string out = "_arguments -s";
  for (const Argument& option : call.options) {
    for (const std::string& name : option.names) {
      out += " \\\n        '" + name + "[" + zsh_text(option.description) + "]" +
             zsh_value(option) + "'";
    }
  }
  for (const Argument& positional : call.positionals) {
    out += std::string(" \\\n        '") + (positional.several ? "*" : "") + zsh_value(positional) +
           "'";
  }
  return out;
}

std::string fish_text(const std::string& text) {
  return "'" + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + "'";
}

std::string fish_value(const Argument& argument) {
  if (argument.value.empty()) return {};
  if (!argument.choices.empty()) return " -x -a " + fish_text(joined(argument.choices, " "));
  return argument.takes_file() ? " -r -F" : " -x";
}

std::string fish_options(const Call& call, const std::string& condition) {
  std::string out;
  for (const Argument& option : call.options) {
    out += "complete -c azimuth -n " + condition;
    for (const std::string& name : option.names) {
      out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    out += fish_value(option) + " -d " + fish_text(option.description) + "\n";
  }
  return out;
}

}  // namespace

std::string bash_completion(const Call& program, const std::vector<Call>& calls) {
  std::vector<std::string> names;
  for (const Call& call : calls) names.push_back(call.name);
  std::string out =
      "# bash completion of azimuth, printed by `azimuth completion bash`\n"
      "_azimuth_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$current\"); }\n"
      "_azimuth_files() {\n"
      "  compopt -o filenames 2>/dev/null\n"
      "  mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
      "}\n"
      "_azimuth() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} call= i\n"
      "  COMPREPLY=()\n"
      "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
      "    if [[ ${COMP_WORDS[i]} != -* ]]; then call=${COMP_WORDS[i]}; break; fi\n"
      "  done\n"
      "  case $call in\n";
  out += bash_case(program, joined(names, " "));
  for (const Call& call : calls) out += bash_case(call, "");
  return out + "  esac\n}\ncomplete -F _azimuth azimuth\n";
}

std::string zsh_completion(const Call& program, const std::vector<Call>& calls) {
  std::string out =
      "#compdef azimuth\n# zsh completion of azimuth, printed by `azimuth completion zsh`\n"
      "_azimuth() {\n"
      "  if ((CURRENT == 2)); then\n"
      "    local -a calls=(\n";
  for (const Call& call : calls) {
    out += "      '" + call.name + ":" + replaced(call.description, "'", "'\\''") + "'\n";
  }
  out += "    )\n    _describe call calls\n    " + zsh_arguments(program) +
         "\n    return\n  fi\n"
         "  local call=$words[2]\n  shift words\n  ((CURRENT--))\n  case $call in\n";
  for (const Call& call : calls) {
    out += "    " + call.name + ")\n      " + zsh_arguments(call) + " ;;\n";
  }
  // Both where the file is found by name and where it is sourced.
  return out +
         "  esac\n}\n"
         "if [[ $funcstack[1] == _azimuth ]]; then _azimuth \"$@\"; else compdef _azimuth azimuth; "
         "fi\n";
}

std::string fish_completion(const Call& program, const std::vector<Call>& calls) {
  std::string out =
      "# fish completion of azimuth, printed by `azimuth completion fish`\ncomplete -c azimuth "
      "-f\n";
  out += fish_options(program, "__fish_use_subcommand");
  for (const Call& call : calls) {
    out += "complete -c azimuth -n __fish_use_subcommand -a " + call.name + " -d " +
           fish_text(call.description) + "\n";
    const std::string condition = "'__fish_seen_subcommand_from " + call.name + "'";
    out += fish_options(call, condition);
    for (const Argument& positional : call.positionals) {
      if (positional.takes_file()) out += "complete -c azimuth -n " + condition + " -F\n";
      if (positional.choices.empty()) continue;
      out += "complete -c azimuth -n " + condition + " -a " +
             fish_text(joined(positional.choices, " ")) + "\n";
    }
  }
  return out;
}

}  // namespace azimuth::cli
