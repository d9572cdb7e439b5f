// `stdualx export`: a store's views as files for other programs.
#include "experiments/spec/durable_file.h"
#include "experiments/spec/errors.h"
#include "orchestrator/commands/command.h"
#include "results/export.h"

#include <cerrno>
#include <fstream>
#include <iostream>

namespace stdualx {

int export_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_store_option(described);
  described.add_options()("KIND", options::value<std::string>(), "csv: every view as a CSV file, and metadata.json for Datasette")(
      "DIR", options::value<std::string>(), "the folder; made where it is missing, and files of these names in it are written over");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"KIND", "DIR"}, values)) return 0;
  if (const std::string kind = values["KIND"].as<std::string>(); kind != "csv")
    throw InputError("export: expected csv, found '" + kind + "'");
  const std::filesystem::path folder = std::filesystem::absolute(values["DIR"].as<std::string>());
  if (std::filesystem::exists(folder) && !std::filesystem::is_directory(folder))
    throw InputError("export: expected a folder, found the file " + folder.string());
  Reader reader(store_path(values));
  tell_note(reader);
  std::vector<std::filesystem::path> files = export_csv(reader, folder);
  files.push_back(folder / "metadata.json");
  const std::string metadata = datasette_metadata(reader.path().stem().string());
  write_durably(files.back(), [&](const std::filesystem::path& temporary) {
    std::ofstream out(temporary, std::ios::binary);
    out << metadata << std::flush;
    if (!out) {
      const int error = errno;
      throw_write_error(files.back(), "it was not written whole", error, "name another folder");
    }
  });
  for (const std::filesystem::path& file : files) std::cout << file.string() << "\n";
  return 0;
}

} // namespace stdualx
