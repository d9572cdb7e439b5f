// See tsne.h.
#include "orchestrator/commands/tsne.h"

#include "experiments/spec/errors.h"
#include "experiments/spec/fields.h"
#include "experiments/spec/run_path.h"
#include "orchestrator/commands/python.h"
#include "results/tables.h"

namespace stdualx {

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

  const std::string text = run_python({.script = "results/tsne_silhouette.py",
                                       .arguments = {cache.string()},
                                       .input = list,
                                       .what = "t-SNE planes",
                                       .needs = "NumPy and scikit-learn (`cluster/bootstrap.sh test` puts them into .venv)"});
  const Json scores = Json::parse(text);
  std::map<std::string, double> planes;
  for (const EmbeddingFile& file : files)
    if (const auto score = scores.find(file.sha256); score != scores.end() && score->is_number())
      planes[file.run_id] = score->get<double>();
  return planes;
}

} // namespace stdualx
