// `report --html`: the page with figures, and where the JavaScript in it lies.
#pragma once

#include <filesystem>
#include <string>

#include "results/tables.h"

namespace stdualx {

/// The JavaScript of the figures. InputError: it is not beside the program.
std::string vega_bundle();

/// Writes the page of a store durably to `file`, over what stood there. InputError: the bundle of Vega is not beside the program (a build
/// without vl-convert-python), or `file` is a folder. StorageError: it cannot be written.
void write_html_report(Reader& reader, const ReportRequest& request, const std::filesystem::path& file);

} // namespace stdualx
