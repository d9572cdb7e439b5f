// What a trained network costs to use, beside the paper's figures, and what training cost.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "results/config_fields.h"
#include "results/report.h"
#include "results/rows.h"

namespace stdualx {

namespace {

constexpr std::string_view batch_prefix = "windows_per_second_";
constexpr double bytes_a_megabyte = 1e6;

/// Where and what was measured. Protocol, fold and seed make no difference to it; the network and its windows do.
struct Place {
  std::string dataset, preset, variant, host, device;
  std::int64_t threads = 0;
  std::string network; // model and windows, JSON
  auto operator<=>(const Place&) const = default;
};

std::int64_t batch_of(const std::string& metric) {
  return metric.starts_with(batch_prefix) ? std::stoll("0" + metric.substr(batch_prefix.size())) : 0;
}

/// The order of a network's rows.
auto order_of(const std::string& metric) {
  constexpr std::array<std::string_view, 6> first{"latency_median",       "latency_p99", "process_peak_bytes",
                                                  "allocator_peak_bytes", "parameters",  "flops"};
  const auto* const place = std::find(first.begin(), first.end(), metric);
  const std::int64_t batch = batch_of(metric);
  return std::make_tuple(batch > 0 ? 2 : place - first.begin() < 2 ? 1 : 3, batch, place - first.begin(), metric);
}

struct Measure {
  std::string words;
  Cell ours;
  const Claim* claim = nullptr; // beside it
  double factor = 1;            // of a value, into the claim's unit
  bool inverse = false;         // windows a second: seconds a window
};

class Efficiency {
public:
  explicit Efficiency(ReportContext& context) : context_(context), latency_(find("latency")), memory_(find("memory")) {
    table_.columns = {"data set", "preset", "variant", "device", "host", "threads", "measure", "paper", "ours (median)", "runs", "verdict"};
  }

  void add(const Place& place, const std::string& metric, const std::vector<double>& values) {
    const double middle = median(values);
    if (metric == "latency_median") return row(place, {"latency of one window, median", Duration{middle}, latency_, 1, false}, values);
    if (metric == "latency_p99") return row(place, {"latency of one window, 99th percentile", Duration{middle}}, values);
    if (metric == "process_peak_bytes") return row(place, memory("peak memory of the process, MB", middle), values);
    if (metric == "allocator_peak_bytes") return row(place, memory("peak memory of the allocator, MB", middle), values);
    if (metric == "parameters") return row(place, {"parameters", static_cast<std::int64_t>(std::llround(middle))}, values);
    if (metric == "flops") return row(place, {"FLOPs of one window", static_cast<std::int64_t>(std::llround(middle))}, values);
    if (const std::int64_t batch = batch_of(metric); batch > 0) {
      row(place, {fmt::format("windows a second, batch {}", batch), Real{middle, 1}}, values);
      if (batch > 1)
        row(place, {fmt::format("time of one window in a batch of {}", batch), Duration{1 / middle}, latency_, 1, true}, values);
      return;
    }
    row(place, {metric, Real{middle}}, values);
  }

  TitledTable table(const std::map<std::string, std::string>& differences) {
    add_differences(table_, ids_, differences);
    return {
        "efficiency: what a trained network costs to use",
        table_,
        {"Measured by `bench`, without the reading of data; the median over runs of the same network. The paper's 1.6 ms a sample may be "
         "one window by itself or its share of a batch, and its 144.72 MB may be of either kind: each stands beside all that it may be. MB "
         "are 10^6 bytes; a multiplication and an addition count as two FLOPs.",
         "OTHER HARDWARE: the paper's P100 is another device, so the numbers say nothing about its claim. On a P100 the ratio of paper to "
         "ours is judged, with Student's interval over runs on the logarithmic scale."}};
  }

private:
  const Claim* find(const std::string& metric) const { return context_.claim(metric, "", "stdual_x"); }
  Measure memory(const std::string& words, double bytes) const {
    return {words, Real{bytes / bytes_a_megabyte, 2}, memory_, 1 / bytes_a_megabyte, false};
  }

  void row(const Place& place, Measure measure, const std::vector<double>& values) {
    if (place.variant != "stdual_x") measure.claim = nullptr;
    const Claim* claim = measure.claim;
    const Cell paper = paper_cell(claim);
    table_.rows.push_back({place.dataset, place.preset, place.variant, place.device, place.host, place.threads, measure.words, paper,
                           measure.ours, static_cast<std::int64_t>(values.size()),
                           claim == nullptr ? std::string("no paper value") : judge(place, measure, values)});
    ids_.push_back(place.network);
  }

  std::string judge(const Place& place, const Measure& measure, const std::vector<double>& values) {
    const Claim& claim = *measure.claim;
    std::vector<double> ours, ratios; // of the paper's to ours: higher is better, whatever the unit
    for (const double value : values) {
      ours.push_back(measure.inverse ? 1 / value : value * measure.factor);
      ratios.push_back(claim.value / ours.back());
    }
    VerdictQuestion question{1, positive_interval(ratios)};
    question.other_hardware = place.device.find(claim.hardware) == std::string::npos;
    question.substituted_data = !question.other_hardware && !context_.is_of_paper(place.dataset);
    std::string word(verdict(question));
    Interval shown = positive_interval(ours);
    shown.mean = median(ours);
    context_.findings[claim.claim_id].push_back(
        {place.dataset, "", "", place.preset, static_cast<std::int64_t>(values.size()), shown, word,
         measure.words + ", " + place.device + ", " + std::to_string(place.threads) + (place.threads == 1 ? " thread" : " threads")});
    return word;
  }

  ReportContext& context_;
  const Claim *latency_, *memory_;
  Table table_;
  std::vector<std::string> ids_;
};

std::optional<TitledTable> inference_table(ReportContext& context) {
  std::map<Place, std::map<std::string, std::vector<double>>> measured; // by metric: of each run
  for (const auto& row :
       context.reader
           .query("SELECT v.dataset, v.preset, v.variant, v.host, v.device, v.threads, json_object('model', json(c.config -> '$.model'), "
                  "'windows', json(c.config -> '$.windows')), v.metric, v.value FROM v_inference v JOIN v_configs c USING (run_id) WHERE "
                  "v.kind = "
                  "'finite' ORDER BY v.run_id")
           .rows)
    measured[{text_of(row[0]), text_of(row[1]), text_of(row[2]), text_of(row[3]), text_of(row[4]), integer_of(row[5]), text_of(row[6])}]
            [text_of(row[7])]
                .push_back(real_of(row[8]));
  if (measured.empty()) return std::nullopt;
  Efficiency efficiency(context);
  std::vector<NamedFields> fields;
  for (const auto& [place, metrics] : measured) {
    fields.push_back({joined({place.dataset, place.preset, place.variant}), place.network, flattened(Json::parse(place.network))});
    std::vector<std::string> names;
    for (const auto& [metric, values] : metrics) names.push_back(metric);
    std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) { return order_of(a) < order_of(b); });
    for (const std::string& metric : names) efficiency.add(place, metric, metrics.at(metric));
  }
  return efficiency.table(differing_fields(fields));
}

std::optional<TitledTable> training_table(Reader& reader) {
  TitledTable titled{"efficiency: what training cost", {}, {}};
  titled.table.columns = {"data set",
                          "preset",
                          "variant",
                          "device",
                          "threads",
                          "ranks",
                          "runs",
                          "epochs",
                          "windows a second",
                          "time of an epoch",
                          "time of a run",
                          "waiting for the group",
                          "waiting for data"};
  for (const auto& row : reader
                             .query("SELECT dataset, preset, variant, device, threads, world_size, sum(runs), sum(epochs), "
                                    "sum(epochs * seconds_per_epoch * windows_per_second) / sum(epochs * seconds_per_epoch), "
                                    "sum(epochs * seconds_per_epoch) / sum(epochs), sum(epochs * seconds_per_epoch) / sum(runs), "
                                    "sum(epochs * seconds_per_epoch * communication_share) / sum(epochs * seconds_per_epoch), "
                                    "sum(epochs * seconds_per_epoch * data_share) / sum(epochs * seconds_per_epoch) "
                                    "FROM v_efficiency GROUP BY dataset, preset, variant, device, threads, world_size "
                                    "ORDER BY dataset, preset, variant <> 'stdual_x', variant, device, threads, world_size")
                             .rows)
    titled.table.rows.push_back({row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], Real{real_of(row[8]), 1},
                                 Duration{real_of(row[9])}, Duration{real_of(row[10])}, percent_or_nothing(real_of(row[11])),
                                 percent_or_nothing(real_of(row[12]))});
  if (titled.table.rows.empty()) return std::nullopt;
  titled.notes = {
      "Over all recorded epochs, also of runs that are not COMPLETE; v_efficiency has it by recipe. The paper gives no number."};
  return titled;
}

} // namespace

std::vector<TitledTable> efficiency_tables(ReportContext& context) {
  std::vector<TitledTable> tables;
  if (auto inference = inference_table(context)) tables.push_back(std::move(*inference));
  if (auto training = training_table(context.reader)) tables.push_back(std::move(*training));
  return tables;
}

} // namespace stdualx
