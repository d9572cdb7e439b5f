// See export.h.
#include "results/export.h"

#include <cerrno>
#include <fstream>
#include <functional>

#include "experiments/spec/durable_file.h"
#include "experiments/spec/fields.h"
#include "results/format.h"
#include "results/rows.h"
#include "results/view_columns.h"

namespace stdualx {

namespace {

// A row a window: read run by run, since all together may be more than memory holds.
constexpr const char* largest_view = "v_predictions";

using Take = std::function<void(const Table& part)>;

void each_part(Reader& reader, const std::string& view, const Take& take) {
  if (view != largest_view) return take(reader.query("SELECT * FROM " + view));
  take(reader.query("SELECT * FROM " + view + " LIMIT 0")); // names of columns, also where there is no run
  for (const auto& run : reader.query("SELECT run_id FROM runs ORDER BY rowid").rows)
    take(reader.query("SELECT * FROM " + view + " WHERE run_id = ?1", {text_of(run.at(0))}));
}

} // namespace

std::vector<std::filesystem::path> export_csv(Reader& reader, const std::filesystem::path& folder) {
  const Reader::Snapshot snapshot(reader);
  std::vector<std::filesystem::path> files;
  for (const DescribedView& view : described_views()) {
    const std::filesystem::path file = folder / (view.name + ".csv");
    write_durably(file, [&](const std::filesystem::path& temporary) {
      std::ofstream out(temporary, std::ios::binary);
      bool first = true;
      each_part(reader, view.name, [&](const Table& part) {
        const std::string text = format_table(part, Format::csv);
        const std::size_t header = first ? 0 : format_table({part.columns, {}}, Format::csv).size();
        out.write(text.data() + header, static_cast<std::streamsize>(text.size() - header));
        first = false;
      });
      out.flush();
      if (!out) {
        const int error = errno;
        throw_write_error(file, "it was not written whole", error, "name another folder");
      }
    });
    files.push_back(file);
  }
  return files;
}

std::string datasette_metadata(const std::string& name) {
  Json tables = Json::object();
  for (const DescribedView& view : described_views()) {
    Json columns = Json::object();
    for (const DescribedView::Column& column : view.columns)
      if (!column.sentence.empty()) columns[column.name] = column.sentence;
    tables[view.name] = {{"description", view.sentence}, {"columns", columns}};
  }
  const auto query = [](const char* title, const char* sql) { return Json{{"title", title}, {"sql", sql}}; };
  const Json queries = {
      {"accuracy", query("Accuracy on the test part by data set and variant",
                         "SELECT r.dataset, r.variant, count(*) AS runs, avg(a.accuracy) AS accuracy FROM v_accuracy a JOIN v_runs r "
                         "USING (run_id) GROUP BY r.dataset, r.variant ORDER BY r.dataset, accuracy DESC")},
      {"failed_runs", query("Runs that failed, with the reason",
                            "SELECT run_id, variant, fold, seed, attempts, end_reason, end_detail FROM v_runs WHERE status IN ('FAILED', "
                            "'QUARANTINED')")},
      {"training_curve", query("Loss and accuracy by epoch of one run",
                               "SELECT epoch, train_loss, validation_loss, validation_accuracy FROM epochs WHERE run_id LIKE :run || '%' "
                               "ORDER BY run_id, epoch")},
      {"mistakes", query("Which activities are taken for which others",
                         "SELECT label, predicted, count(*) AS windows FROM v_predictions WHERE label <> predicted GROUP BY label, "
                         "predicted ORDER BY windows DESC")}};
  return Json{{"databases", {{name, {{"tables", tables}, {"queries", queries}}}}}}.dump(2) + "\n";
}

} // namespace stdualx
