// Scripts of ours for what libraries of Python do: t-SNE planes, figures as files.
#pragma once

#include <string>
#include <vector>

namespace stdualx {

struct PythonWork {
  std::string script;                 // its path in the sources; an installed program has its file in share/stdualx
  std::vector<std::string> arguments; // after the script
  std::string input;                  // on its standard input
  std::string what;                   // for messages: "t-SNE planes", "figures"
  std::string needs;                  // likewise, what must be installed: "NumPy and scikit-learn (`cluster/bootstrap.sh test` puts ...)"
};

/// What the script wrote to its standard output. It runs under $STDUALX_PYTHON, the project's .venv or /usr/bin/python3. InputError: the
/// script is not beside the program, or ended with another status than 0.
std::string run_python(const PythonWork& work);

} // namespace stdualx
