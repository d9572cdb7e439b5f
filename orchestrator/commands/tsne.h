// The t-SNE planes of a store's embeddings, drawn by Python while a report is made.
#pragma once

#include "results/reader.h"

#include <filesystem>
#include <map>
#include <string>

namespace stdualx {

/// The Silhouette on the t-SNE plane of each COMPLETE run's embedding, by run; runs without an embedding file, or with one that has no
/// Silhouette, are left out. results/tsne_silhouette.py does the work with $STDUALX_PYTHON, the project's .venv or python3, and keeps what
/// it found in `cache`, never in the store. InputError: the script or its libraries are not there, or a file was changed.
std::map<std::string, double> plane_silhouettes(Reader& reader, const std::filesystem::path& store_directory,
                                                const std::filesystem::path& cache);

} // namespace stdualx
