// See tsne.h.
#include "orchestrator/commands/tsne.h"

#include "cluster/process.h"
#include "experiments/spec/errors.h"
#include "experiments/spec/fields.h"
#include "experiments/spec/run_path.h"
#include "results/tables.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>

namespace stdualx {

namespace {

constexpr std::chrono::hours longest{24}; // of all planes together; a person sees it run and can end it

/// Beside an installed program in share/stdualx, beside a built one in the sources.
std::filesystem::path script() {
  const std::filesystem::path folder = own_executable().parent_path();
  const std::array<std::filesystem::path, 2> places{folder / "../share/stdualx/tsne_silhouette.py",
                                                    folder / "../../results/tsne_silhouette.py"};
  for (const auto& place : places)
    if (std::filesystem::exists(place)) return std::filesystem::canonical(place);
  throw InputError("tsne_silhouette.py, which draws t-SNE planes, was found neither at " + places[0].lexically_normal().string() +
                   " nor at " + places[1].lexically_normal().string());
}

std::string python(const std::filesystem::path& script_path) {
  if (const char* named = std::getenv("STDUALX_PYTHON"); named != nullptr && *named != '\0') return named;
  const std::filesystem::path own = script_path.parent_path().parent_path() / ".venv/bin/python";
  return std::filesystem::exists(own) ? own.string() : "/usr/bin/python3";
}

void write_all(int descriptor, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::send(descriptor, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return; // the script ended early; its exit status tells
    done += static_cast<std::size_t>(count);
  }
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> chunk{};
  while (true) {
    const ssize_t count = ::read(descriptor, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

} // namespace

std::map<std::string, double> plane_silhouettes(Reader& reader, const std::filesystem::path& store_directory,
                                                const std::filesystem::path& cache) {
  const std::vector<EmbeddingFile> files = embedding_files(reader);
  if (files.empty()) return {};
  std::string list;
  for (const EmbeddingFile& file : files) {
    if (!is_sha256(file.sha256))
      throw StorageError("run " + file.run_id + ": the store holds no SHA-256 of its embedding"); // a file's name below
    list += file.sha256 + " " + run_file(store_directory, file.path).string() + "\n";
  }

  const std::filesystem::path program = script();
  auto [input, to_input] = socket_pair(); // a pipe would kill us where the script ends early
  auto [from_output, output] = make_pipe();
  SpawnOptions spawn;
  spawn.arguments = {python(program), program.string(), cache.string()};
  spawn.descriptors = {{input.get(), STDIN_FILENO}, {output.get(), STDOUT_FILENO}};
  ChildProcess child = ChildProcess::spawn(spawn);
  input.reset();
  output.reset();
  write_all(to_input.get(), list);
  to_input.reset();
  const std::string text = read_all(from_output.get());
  const auto status = child.wait_for(longest);
  if (!status || *status != 0)
    throw InputError("t-SNE planes could not be drawn (" + (status ? describe_wait_status(*status) : std::string("no end")) +
                     "): " + spawn.arguments[0] + " " + program.string() +
                     " needs NumPy and scikit-learn (`cluster/bootstrap.sh test` puts them into " +
                     ".venv; STDUALX_PYTHON names another Python)");
  const Json scores = Json::parse(text);
  std::map<std::string, double> planes;
  for (const EmbeddingFile& file : files)
    if (const auto score = scores.find(file.sha256); score != scores.end() && score->is_number())
      planes[file.run_id] = score->get<double>();
  return planes;
}

} // namespace stdualx
