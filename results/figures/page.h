// The report as one HTML page with figures, which needs no network, no server and no other file.
#pragma once

#include <string>
#include <string_view>

#include "results/tables.h"

namespace stdualx {

/// The page, in UTF-8: claims with their verdicts, the figures with their numbers as tables and CSV, the other tables of the report, and
/// where all came from. `bundle` is the JavaScript of Vega, Vega-Lite and Vega-Embed, which sets window.vegaEmbed. Names and texts of the
/// store stay text, and the page's content security policy lets no other script run and nothing be loaded. `request.tables` is empty: a
/// page holds every table.
/// InputError: a bundle that would end its own script element.
std::string html_report(Reader& reader, const ReportRequest& request, std::string_view bundle);

} // namespace stdualx
