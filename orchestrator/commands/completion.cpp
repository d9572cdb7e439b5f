// `stdualx completion`: a script with which bash or zsh completes commands, options and the words that some take; else names of files.
#include "orchestrator/commands/reference.h"
#include "orchestrator/terminal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>

namespace stdualx {

namespace {

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

/// What can be typed after `command`: dashes, and its first words. `formats` gets the words of its --format.
std::string branch(const Command& command, std::string& formats) {
  CommandOptions known = options_of(command);
  std::vector<std::string> dashed;
  const auto add = [&](const CommandOptions& taken) {
    for (const auto& option : taken.described) {
      const std::string& name = option->long_name();
      if (name == "format") formats = joined(listed_words(option->description()));
      if (!taken.is_place(name)) dashed.push_back("--" + name);
    }
  };
  add(known);
  if (command.name == "bench") add(options_of(command, {"scheduler"}));
  return fmt::format("    {}) options='{}'; first='{}' ;;\n", command.name, joined(dashed), joined(first_words(command)));
}

/// For bash; zsh reads it by its bashcompinit. Only what both know: no compopt, no mapfile.
std::string bash_script() {
  std::vector<std::string> names;
  std::string branches, formats;
  for (const auto& command : commands()) {
    if (command.hidden) continue;
    names.push_back(command.name);
    branches += branch(command, formats);
  }
  return "# Completion for stdualx, printed by `stdualx completion`.\n"
         "_stdualx() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options= first= asked=\n"
         "  COMPREPLY=()\n"
         "  if [ \"$COMP_CWORD\" -le 1 ]; then\n"
         "    COMPREPLY=($(compgen -W '" +
         joined(names) +
         " --help --version' -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  case ${COMP_WORDS[1]} in\n" +
         branches +
         "  esac\n"
         "  if [ \"$word\" = = ]; then word=; elif [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
         "  case $before in\n"
         "    --format) asked='" +
         formats +
         "' ;;\n"
         "    *) case $word in\n"
         "         -*) asked=$options ;;\n"
         "         *) if [ \"$COMP_CWORD\" -eq 2 ]; then asked=$first; fi ;;\n"
         "       esac ;;\n"
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$asked\" -- \"$word\"))\n"
         "}\n"
         "complete -o default -F _stdualx stdualx\n";
}

} // namespace

int completion_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  described.add_options()("SHELL", options::value<std::string>(), "bash or zsh; read the script by `source` in ~/.bashrc or ~/.zshrc");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"SHELL"}, values)) return 0;
  const auto shell = values["SHELL"].as<std::string>();
  if (shell != "bash" && shell != "zsh") throw InputError("completion: expected bash or zsh, found '" + shell + "'");
  const std::string script = bash_script();
  carry_data(std::cout);
  if (shell == "zsh") std::cout << "autoload -U +X compinit bashcompinit && compinit && bashcompinit\n";
  std::cout << script;
  return 0;
}

} // namespace stdualx
