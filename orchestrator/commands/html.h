// `report --html` and `--figures`: the page with figures, where the JavaScript in it lies, and the figures as files.
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

/// Writes each figure of that page into `folder` as NAME.svg, NAME.pdf and NAME.png, and returns their paths without ending, a line each.
/// results/figures/figure_files.py does the work. InputError: Python lacks vl-convert-python, or `folder` is a file.
std::string write_figure_files(Reader& reader, const ReportRequest& request, const std::filesystem::path& folder);

} // namespace stdualx
