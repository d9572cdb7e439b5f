// What the reference and the shells' completion know of the commands: their options, asked of the commands themselves.
#pragma once

#include "orchestrator/commands/command.h"

#include <boost/shared_ptr.hpp>

#include <string>
#include <vector>

namespace stdualx {

struct CommandOptions {
  std::vector<boost::shared_ptr<options::option_description>> described; // with --help, and with those that are places
  std::vector<std::string> positional;                                   // as parse_options takes them: "SPEC", "[RUN]", "[FILE]..."
  /// Whether an option is a place of the command line, and not typed with dashes.
  bool is_place(const std::string& name) const;
};

/// What a command takes, from its own call of parse_options; it does nothing else. `arguments`: {"scheduler"} for `bench scheduler`.
CommandOptions options_of(const Command& command, const std::vector<std::string>& arguments = {});

/// The lower-case words that a command's usage begins with: {"list", "verify", "import"} of data; empty: it has none.
std::vector<std::string> first_words(const Command& command);

/// "table, csv or json" -> {"table", "csv", "json"}.
std::vector<std::string> listed_words(const std::string& text);

/// The manual page, as troff with the macros of man(7).
std::string man_page();

int reference_command(const Command& command, const std::vector<std::string>& arguments);
int completion_command(const Command& command, const std::vector<std::string>& arguments);

} // namespace stdualx
