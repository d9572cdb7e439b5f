// `stdualx reference man`: the manual page, out of the same table of commands that parses the command line.
#include "cluster/build.h"
#include "orchestrator/commands/reference.h"
#include "orchestrator/exit_statuses.h"

#include <fmt/format.h>

#include <string>

namespace stdualx {

namespace {

/// Text of a man page: no letter of it is an order of troff. A line of ours never begins with a dot or a quote.
std::string escaped(const std::string& text) {
  std::string safe;
  for (const char letter : text) {
    if (letter == '\\') safe += "\\e";
    else if (letter == '-') safe += "\\-";
    else if (letter == '\n') safe += ' ';
    else if ((letter == '.' || letter == '\'') && safe.empty()) (safe += "\\&") += letter;
    else safe += letter;
  }
  return safe;
}

void add_options(std::string& page, const CommandOptions& known) {
  for (const auto& option : known.described) {
    const std::string& name = option->long_name();
    if (name == "help") continue; // every command has it, which is said once
    const bool place = known.is_place(name);
    const std::string value = place ? "" : option->format_parameter();
    page += ".TP\n.B " + escaped((place ? "" : "--") + name) + (value.empty() ? "" : " " + escaped(value)) + "\n" +
            escaped(option->description()) + "\n";
  }
}

} // namespace

std::string man_page() {
  std::string page = ".TH STDUALX 1 \"\" \"stdualx " + escaped(this_build().version) +
                     "\" \"User Commands\"\n.SH NAME\nstdualx \\- trains the runs of a sweep file on many workers and records them in one "
                     "SQLite file\n.SH SYNOPSIS\n.B stdualx\n.I COMMAND\n[options]\n.br\n.B stdualx COMMAND \\-\\-help\n.br\n.B stdualx "
                     "\\-\\-version\n.SH COMMANDS\n";
  for (const auto& command : commands()) {
    if (command.hidden) continue;
    page += ".SS stdualx " + escaped(command.name + " " + command.usage) + "\n" + escaped(command.summary) + "\n";
    add_options(page, options_of(command));
    if (command.name == "bench") { // its other form takes options of its own
      page += ".P\nstdualx bench scheduler:\n";
      add_options(page, options_of(command, {"scheduler"}));
    }
    page += ".P\nExample:\n.br\n" + escaped(command.example) + "\n";
  }
  page += ".SH EXIT STATUS\n";
  for (const auto& known : exit_statuses())
    page += fmt::format(".TP\n.B {}\n{}: {}\n", known.status, escaped(known.words), escaped(known.advice));
  return page + ".SH SEE ALSO\nThe folder share/stdualx/docs beside the program; sbatch(1), mpirun(1)\n";
}

} // namespace stdualx
