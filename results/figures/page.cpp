// See page.h: the parts of the page and how text gets into them.
#include "results/figures/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "experiments/spec/errors.h"
#include "experiments/spec/run_spec.h"
#include "experiments/spec/shown_text.h"
#include "results/figures/figure.h"
#include "results/format.h"
#include "results/rows.h"

namespace stdualx {

namespace {

constexpr std::string_view style = R"css(
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #ffffff; --faint: #8886; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --paper: #16181b; } }
@media print { :root { color-scheme: light; --ink: #000; --paper: #fff; } .numbers > summary, .csv { display: none; } }
body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 60rem; }
h1, h2, h3 { line-height: 1.25; } h3 { font-size: 1rem; }
h2 { border-top: 1px solid var(--faint); padding-top: 1rem; margin-top: 2rem; }
figure { margin: 1rem 0; break-inside: avoid; } figcaption { font-weight: 600; overflow-wrap: anywhere; }
.picture { width: 100%; min-height: 3rem; } .picture svg { max-width: 100%; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--faint); padding: 0.2rem 0.5rem; text-align: left; vertical-align: top; }
#claims td:first-child { min-width: 12rem; }
td.number { text-align: right; white-space: nowrap; }
code { overflow-wrap: anywhere; } .note, .nothing { font-size: 0.9rem; overflow-wrap: anywhere; }
)css";

// Colours of text and axes are the page's own (currentColor), so that dark, light and print need no second drawing. `ast`: Vega interprets
// its expressions, so that the policy needs no 'unsafe-eval'.
constexpr std::string_view draw_script = R"js(
const plain = 'currentColor', faint = '#8885';
const config = {
  background: 'transparent', view: { stroke: null }, text: { color: plain }, title: { color: plain },
  axis: { labelColor: plain, titleColor: plain, gridColor: faint, domainColor: faint, tickColor: faint },
  legend: { labelColor: plain, titleColor: plain },
};
for (const place of document.querySelectorAll('.picture')) {
  const spec = JSON.parse(document.getElementById(place.id + '-spec').textContent);
  spec.autosize = { type: 'fit-x', contains: 'padding' };
  window.vegaEmbed(place, spec, { ast: true, renderer: 'svg', actions: false, defaultStyle: false, tooltip: { theme: 'light' }, config })
    .catch((error) => { place.textContent = 'This figure could not be drawn: ' + error.message; console.error(error); });
}
)js";

std::string escaped(std::string_view raw) {
  std::string html;
  for (const char letter : shown_on_one_line(raw)) switch (letter) {
    case '&': html += "&amp;"; break;
    case '<': html += "&lt;"; break;
    case '>': html += "&gt;"; break;
    case '"': html += "&quot;"; break;
    case '\'': html += "&#39;"; break;
    default: html += letter;
    }
  return html;
}

/// JSON inside a script element: no "</script" and no "<!--" can stand in it.
std::string json_text(const Json& json) {
  std::string text;
  for (const char letter : json.dump()) {
    if (letter == '<') text += "\\u003c";
    else text += letter;
  }
  return text;
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '-' ||
                       byte == '.' || byte == '_';
    encoded += plain ? std::string(1, letter) : fmt::format("%{:02X}", byte);
  }
  return encoded;
}

/// As a content security policy names a script: base64 of its SHA-256.
std::string script_hash(std::string_view script) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string hex = sha256_hex(script) + "0000"; // 32 bytes, and a third for the last group
  std::string text;
  for (std::size_t i = 0; i < 66; i += 6) {
    const unsigned long group = std::stoul(hex.substr(i, 6), nullptr, 16);
    for (int shift = 18; shift >= 0; shift -= 6) text += alphabet[(group >> shift) & 63U];
  }
  text.back() = '='; // that byte stands for nothing
  return "'sha256-" + text + "'";
}

/// A sentence of ours, in which backquotes part words of the shell.
std::string prose(std::string_view text) {
  std::string html;
  bool inside = false;
  for (const char letter : escaped(text)) {
    if (letter != '`') html += letter;
    else html += (inside = !inside) ? "<code>" : "</code>";
  }
  return html + (inside ? "</code>" : "");
}

std::string html_table(const Table& table) {
  std::string html = "<div class=\"wide\" tabindex=\"0\"><table><thead><tr>";
  for (const std::string& column : table.columns) html += "<th scope=\"col\">" + escaped(column) + "</th>";
  html += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (const Cell& cell : row) {
      const bool is_number = !is_null(cell) && !std::holds_alternative<std::string>(cell);
      html += (is_number ? "<td class=\"number\">" : "<td>") + escaped(cell_text(cell)) + "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string notes_html(const std::vector<std::string>& notes) {
  std::string html;
  for (const std::string& note : notes) html += "<p class=\"note\">" + prose(note) + "</p>\n";
  return html;
}

std::string csv_link(const std::string& name, const Table& table) {
  return "<p class=\"csv\"><a download=\"" + escaped(name) + ".csv\" href=\"data:text/csv;charset=utf-8," +
         percent_encoded(format_table(table, Format::csv)) + "\">" + escaped(name) + ".csv</a></p>\n";
}

std::string figure_html(const Figure& figure) {
  std::string html = "<section id=\"" + figure.id + "\"><h2>" + escaped(figure.heading) + "</h2>\n";
  if (figure.pictures.empty()) html += "<p class=\"nothing\">" + prose("Nothing to show: " + figure.nothing) + "</p>\n";
  for (std::size_t i = 0; i < figure.pictures.size(); ++i) {
    const Picture& picture = figure.pictures[i];
    const std::string id = fmt::format("{}-{}", figure.id, i + 1);
    html += "<figure>";
    if (!picture.caption.empty()) html += "<figcaption>" + escaped(picture.caption) + "</figcaption>";
    html += "<div class=\"picture\" id=\"" + id + "\" role=\"img\" aria-label=\"" + escaped(picture.alt) + "\"></div></figure>\n";
    html += "<script type=\"application/json\" id=\"" + id + "-spec\">" + json_text(picture.spec) + "</script>\n";
  }
  if (!figure.pictures.empty() && !figure.legend.empty()) html += "<p class=\"note\">" + prose(figure.legend) + "</p>\n";
  html += notes_html(figure.numbers.notes);
  if (!figure.numbers.table.rows.empty())
    html += "<details class=\"numbers\"><summary>Its numbers</summary>\n" + html_table(figure.numbers.table) +
            csv_link(figure.id, figure.numbers.table) + "</details>\n";
  if (!figure.query.empty()) html += "<p class=\"note\">From the store: <code>stdualx query \"" + escaped(figure.query) + "\"</code></p>\n";
  return html + "</section>\n";
}

/// "Of 10 claims: 3 REPRODUCED, 7 NOT RUN."
std::string claims_sentence(const Table& claims) {
  std::map<std::string, int> counts;
  for (const auto& row : claims.rows) ++counts[words_at(claims, row, "verdict")];
  std::string words;
  for (const auto& [verdict, count] : counts) words += fmt::format("{}{} {}", words.empty() ? "" : ", ", count, verdict);
  return fmt::format("Of the paper's {} claims: {}.", claims.rows.size(), words);
}

std::string claims_html(const TitledTable& claims) {
  return "<section id=\"claims\"><h2>Claims of the paper</h2>\n<p>" + escaped(claims_sentence(claims.table)) + "</p>\n" +
         html_table(claims.table) + csv_link("claims", claims.table) + notes_html(claims.notes) + "</section>\n";
}

} // namespace

std::string html_report(Reader& reader, const ReportRequest& request, std::string_view bundle) {
  std::string lower(bundle);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter; });
  if (lower.find("</script") != std::string::npos || lower.find("<!--") != std::string::npos || lower.find('\r') != std::string::npos)
    throw InputError(
        "the bundle of Vega holds what would end its script element: expected the file that the build makes of vl-convert-python");

  const Reader::Snapshot snapshot(reader);
  const std::vector<TitledTable> tables = report(reader, request);
  ReportContext context(reader, request.plane_silhouettes);
  const std::vector<Figure> figures{accuracy_figure(tables),   ablation_figure(tables), baseline_figure(tables),  robustness_figure(tables),
                                    confusion_figure(context), people_figure(context),  attention_figure(tables), training_figure(context)};

  std::set<std::string> drawn{"claims of the paper"}; // tables that stand under a figure, or first
  for (const Figure& figure : figures) drawn.insert(figure.numbers.title);
  // Inline style attributes are what Vega's pictures and tooltips are made of; with nothing to load a style can do no harm.
  const std::string policy = "default-src 'none'; script-src " + script_hash(bundle) + " " + script_hash(draw_script) +
                             "; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"" +
      policy + "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>stdualx report</title>\n<style>" +
      std::string(style) + "</style></head><body>\n<h1>" + (context.own_data() ? "Results" : "The paper's numbers beside ours") +
      "</h1>\n<p>Store: <code>" + escaped(reader.path().filename().string()) +
      "</code>. The queries below name it with <code>--store</code> where it is not results.db in the folder of the shell.</p>\n"
      "<noscript><p>Pictures need JavaScript; every number stands in the tables, too.</p></noscript>\n";
  if (!reader.note().empty()) html += "<p class=\"note\">" + escaped(reader.note()) + "</p>\n";
  for (const TitledTable& table : tables)
    if (table.title == "claims of the paper") html += claims_html(table);
  for (const Figure& figure : figures) html += figure_html(figure);
  html += "<section id=\"tables\"><h2>Other tables of the report</h2>\n";
  for (const TitledTable& table : tables)
    if (!drawn.contains(table.title))
      html += "<details class=\"numbers\"><summary>" + escaped(table.title) + "</summary>\n" + html_table(table.table) +
              notes_html(table.notes) + "</details>\n";
  html += "</section>\n<section id=\"provenance\"><h2>Where the numbers come from</h2>\n";
  for (const TitledTable& table : provenance_tables(reader))
    html += "<h3>" + escaped(table.title) + "</h3>\n" + html_table(table.table) + notes_html(table.notes);
  html += "</section>\n<script type=\"module\">" + std::string(bundle) + "</script>\n<script type=\"module\">" + std::string(draw_script) +
          "</script>\n</body></html>\n";
  return html;
}

} // namespace stdualx
