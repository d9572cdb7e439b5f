// See html.h.
#include "orchestrator/commands/html.h"

#include "cluster/process.h"
#include "experiments/spec/durable_file.h"
#include "experiments/spec/errors.h"
#include "orchestrator/commands/python.h"
#include "results/figures/page.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>

namespace stdualx {

std::string vega_bundle() {
  // Beside a built program as beside an installed one.
  const std::filesystem::path place = (own_executable().parent_path() / "../share/stdualx/vega_bundle.js").lexically_normal();
  std::ifstream file(place, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty())
    throw InputError("the report's page needs the JavaScript of its figures, which is not at " + place.string() +
                     ": run cluster/bootstrap.sh demo (or --no-root), then cmake and the build again");
  return text;
}

void write_html_report(Reader& reader, const ReportRequest& request, const std::filesystem::path& file) {
  if (std::filesystem::is_directory(file)) throw InputError("--html: expected a file to write, found the folder " + file.string());
  const std::string page = html_report(reader, request, vega_bundle());
  write_durably(file, [&](const std::filesystem::path& temporary) {
    std::ofstream out(temporary, std::ios::binary);
    out << page << std::flush;
    if (!out) {
      const int error = errno;
      throw_write_error(file, "the page was not written whole", error, "name another place with --html");
    }
  });
}

std::string write_figure_files(Reader& reader, const ReportRequest& request, const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder) && !std::filesystem::is_directory(folder))
    throw InputError("--figures: expected a folder, found the file " + folder.string());
  return run_python({.script = "results/figures/figure_files.py",
                     .arguments = {"-", folder.string()},
                     .input = html_report(reader, request, "no script: nobody opens this page"),
                     .what = "figures",
                     .needs = "vl-convert-python (`cluster/bootstrap.sh demo` puts it into .venv)"});
}

} // namespace stdualx
