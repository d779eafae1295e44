#include "help/completion.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "help/completion_scripts.h"
#include "terminal/output.h"

namespace azimuth::cli {

void add_completion(CLI::App& app) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* call = app.add_subcommand(
      "completion", "Prints a script that completes calls, options and files in a shell.");
  call->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  call->footer(
      "Example:\n  source <(azimuth completion bash)\n"
      "  azimuth completion zsh > ~/.zfunc/_azimuth\n"
      "  azimuth completion fish > ~/.config/fish/completions/azimuth.fish");
  call->callback([shell, &app] {
    const Call program = described(app);
    const std::vector<Call> calls = calls_of(app);
    print(*shell == "bash"  ? bash_completion(program, calls)
          : *shell == "zsh" ? zsh_completion(program, calls)
                            : fish_completion(program, calls));
  });
}

}  // namespace azimuth::cli
