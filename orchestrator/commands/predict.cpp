// `stdualx predict`: a trained network on other recordings, window by window, without libtorch in the process (model/inference).
#include "experiments/resample.h"
#include "experiments/window_stream.h"
#include "experiments/windows.h"
#include "orchestrator/commands/command.h"
#include "results/rows.h"
#include "results/tables.h"
#include "worker/messages/run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>
#include <map>
#include <span>
#include <string_view>

#ifdef STDUALX_WITH_FUSED
#include "orchestrator/commands/trained.h"
#endif

namespace stdualx {

#ifdef STDUALX_WITH_FUSED
namespace {

/// The file that was named, or that of the run that was.
std::filesystem::path weights_file(const std::string& named, const options::variables_map& values) {
  if (named.ends_with(".safetensors")) return named;
  const std::filesystem::path store = store_path(values);
  Reader reader(store);
  tell_note(reader);
  const std::string run_id = resolve_run(reader, named);
  const auto weights = reader.run_states({{run_id}}).front().weights;
  if (!weights) throw InputError("run " + run_id + " is not COMPLETE or has not kept its weights; `stdualx explain` says more");
  check_run_file(store_directory(store), weights->path, weights->sha256);
  return store_directory(store) / weights->path;
}

std::string sensors_words(const DatasetInfo& dataset) {
  std::string words;
  for (const SensorInfo& sensor : dataset.sensors) {
    words += (words.empty() ? "" : "; ") + sensor.name + ":";
    for (const ChannelInfo& channel : sensor.channels) words += " " + channel.name;
  }
  return words;
}

/// Throws InputError where the recordings are of other sensors than the network was trained on. Their names may differ.
void check_sensors(const Trained& trained, const DatasetInfo& found) {
  bool fits = found.sensors.size() == trained.dataset.sensors.size();
  for (std::size_t s = 0; fits && s < found.sensors.size(); ++s) {
    const auto &channels = found.sensors[s].channels, &expected = trained.dataset.sensors[s].channels;
    fits = channels.size() == expected.size();
    for (std::size_t c = 0; fits && c < channels.size(); ++c) fits = channels[c].kind == expected[c].kind;
  }
  if (!fits)
    throw InputError("data set '" + found.name + "' has other sensors than the network was trained on: expected " +
                     sensors_words(trained.dataset) + "; found " + sensors_words(found) +
                     "; list the same sensors, channels and kinds in the same order");
}

/// Every window of the recordings, with or without a label, cut as those that the network was trained on.
WindowSet all_windows(Dataset& dataset, const Trained& trained, std::int64_t stride) {
  if (dataset.info.rate != trained.dataset.rate) resample(dataset, trained.dataset.rate);
  WindowSpec spec = trained.run.windows;
  spec.steps = trained.shape.steps;
  spec.stride = stride;
  spec.label_threshold = 0;
  spec.null_class = true;
  spec.training_stride = 0;
  WindowSetInfo info;
  info.dataset = dataset.info;
  info.windows = spec;
  return {std::move(info), cut_windows(dataset, spec)};
}

/// `values`: [windows, sensors, steps, channels] in physical units; then as the network wants them.
void standardise(std::span<float> values, const Trained& trained) {
  const auto channels = static_cast<std::size_t>(trained.shape.channels), steps = static_cast<std::size_t>(trained.shape.steps),
             sensors = static_cast<std::size_t>(trained.shape.sensors);
  const auto kept = [&](const char* name) -> const std::vector<float>& {
    const auto found = trained.weights.tensors.find(name);
    if (found == trained.weights.tensors.end() || found->second.values.size() != sensors * channels)
      throw StorageError(trained.file.string() + ": it has no tensor '" + name + "' of " + std::to_string(sensors * channels) +
                         " values; restore the file");
    return found->second.values;
  };
  const std::vector<float>&mean = kept("standardisation.mean"), &deviation = kept("standardisation.deviation");
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t at = i / (steps * channels) % sensors * channels + i % channels;
    values[i] = (values[i] - mean[at]) * (1 / deviation[at]);
  }
}

/// [windows, sensors, steps, channels], as the network wants them.
std::vector<float> standardised(const WindowSet& windows, const Trained& trained) {
  const std::size_t size = windows.source().window_floats();
  std::vector<float> values(static_cast<std::size_t>(windows.size()) * size);
  for (std::int64_t window = 0; window < windows.size(); ++window)
    windows.source().read(window, 0, std::span(values).subspan(static_cast<std::size_t>(window) * size, size));
  standardise(values, trained);
  return values;
}

struct Tally {
  std::int64_t windows = 0, right = 0;
};

/// Softmax of a row of logits.
std::vector<double> probabilities(std::span<const float> logits) {
  const double largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  std::vector<double> shares;
  double sum = 0;
  for (const float logit : logits) sum += shares.emplace_back(std::exp(static_cast<double>(logit) - largest));
  for (double& share : shares) share /= sum;
  return shares;
}

/// One line of standard input: a number a channel, NaN where its field is empty or says so. InputError: anything else.
std::vector<float> sample_of(std::string_view line, std::int64_t number, std::size_t width, const Trained& trained) {
  const auto fail = [&](const std::string& what) {
    throw InputError(fmt::format("standard input line {}: {}; each line holds one sample, {} numbers with commas between, without a "
                                 "header: {}",
                                 number, what, width, sensors_words(trained.dataset)));
  };
  std::vector<float> sample;
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t end = std::min(line.find(',', at), line.size());
    std::string_view field = line.substr(at, end - at);
    at = end + 1;
    const auto blank = [](char letter) { return letter == ' ' || letter == '\t' || letter == '\r'; };
    while (!field.empty() && blank(field.front())) field.remove_prefix(1);
    while (!field.empty() && blank(field.back())) field.remove_suffix(1);
    if (field.empty() || field == "nan" || field == "NaN" || field == "NAN") {
      sample.push_back(std::numeric_limits<float>::quiet_NaN());
      continue;
    }
    const std::string_view digits = field.starts_with('+') ? field.substr(1) : field;
    float value = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || stop != digits.data() + digits.size() || !std::isfinite(value))
      fail("expected a number, found '" + std::string(field) + "'");
    sample.push_back(value);
  }
  if (sample.size() != width) fail(fmt::format("found {} numbers", sample.size()));
  return sample;
}

/// Samples from standard input, an answer a window as soon as its last sample is there.
int predict_stream(const Trained& trained, std::int64_t stride) {
  Inference network(trained.run.model, trained.shape, trained.weights);
  Table table{{"recording", "start_seconds", "activity", "probability", "latency_ms"}, {}};
  for (const std::string& name : trained.dataset.classes) table.columns.push_back("probability of " + name);
  const std::string header = format_table(table, Format::csv);
  std::cout << header << std::flush;
  std::chrono::steady_clock::time_point came;
  std::vector<float> logits(static_cast<std::size_t>(trained.shape.classes)), values;
  const auto answer = [&](const StreamedWindow& window) {
    values.assign(window.values.begin(), window.values.end());
    standardise(values, trained);
    network(values.data(), 1, logits.data());
    const std::vector<double> shares = probabilities(logits);
    const auto best = static_cast<std::size_t>(std::max_element(shares.begin(), shares.end()) - shares.begin());
    const std::chrono::duration<double, std::milli> latency = std::chrono::steady_clock::now() - came;
    std::vector<Cell> row = {std::int64_t{window.recording}, Real{static_cast<double>(window.start) / trained.dataset.rate},
                             trained.dataset.classes[best], Real{shares[best]}, Real{latency.count()}};
    for (const double share : shares) row.emplace_back(Real{share});
    table.rows = {std::move(row)};
    std::cout << format_table(table, Format::csv).substr(header.size()) << std::flush;
  };
  WindowStream stream(trained.dataset, trained.shape.steps, stride, answer);
  std::string line;
  for (std::int64_t number = 1; std::cout && std::getline(std::cin, line); ++number) {
    came = std::chrono::steady_clock::now();
    if (line.find_first_not_of(" \t\r") != std::string::npos) stream.add(sample_of(line, number, stream.width(), trained));
  }
  stream.finish();
  return 0;
}

} // namespace
#endif

int predict_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_store_option(described);
  add_data_options(described);
  described.add_options()("format", options::value<std::string>()->default_value("csv")->value_name("F"),
                          "csv, table, json, markdown or latex")(
      "stride", options::value<std::int64_t>()->default_value(0)->value_name("N"), "samples between window starts (default: as trained)")(
      "NETWORK", options::value<std::string>(), "a run, by the start of its identity, or its best.safetensors")(
      "DATASET", options::value<std::string>()->default_value(""),
      "recordings: a manifest (docs/own_data.md) or a data set of the catalogue; none with --stream")(
      "stream", options::bool_switch(),
      "samples from standard input, at the rate of the training: a line each, the channels of all sensors with commas between; an answer "
      "with its latency as soon as a window is whole");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"NETWORK", "[DATASET]"}, values)) return 0;
#ifndef STDUALX_WITH_FUSED
  throw InputError(
      "stdualx predict: this build lacks Highway and LIBXSMM (packages libhwy-dev, libxsmm-dev); install them and build again");
#else
  const Output format = output_format(values);
  const std::string recordings = values["DATASET"].as<std::string>();
  const bool streams = values["stream"].as<bool>();
  if (streams && !recordings.empty())
    throw InputError("--stream reads samples from standard input: leave '" + recordings + "' out, or --stream");
  if (streams && format.format != Format::csv) throw InputError("--stream answers in CSV, row by row: leave --format out");
  if (!streams && recordings.empty())
    throw InputError("predict: expected DATASET, recordings to classify, or --stream for samples from standard input");
  const Trained trained = read_trained(weights_file(values["NETWORK"].as<std::string>(), values));
  std::int64_t stride = values["stride"].as<std::int64_t>();
  if (stride < 0) throw InputError(fmt::format("--stride: expected at least 1 sample, found {}", stride));
  if (stride == 0)
    stride = trained.run.windows.stride > 0 ? trained.run.windows.stride : std::max<std::int64_t>(1, trained.shape.steps / 2);
  if (streams) return predict_stream(trained, stride);
  Dataset dataset = read_dataset(recordings, data_paths(values));
  check_sensors(trained, dataset.info);
  const WindowSet windows = all_windows(dataset, trained, stride);
  const std::size_t count = windows.labels().size(), classes = static_cast<std::size_t>(trained.shape.classes);
  if (count == 0)
    throw InputError(fmt::format("data set '{}' has no recording of {} samples at {:g} a second, the length of a window", dataset.info.name,
                                 trained.shape.steps, trained.dataset.rate));
  std::vector<float> logits(count * classes);
  Inference(trained.run.model, trained.shape, trained.weights)(standardised(windows, trained).data(), count, logits.data());

  Table table{{"person", "recording", "start_seconds", "activity", "probability", "label"}, {}};
  for (const std::string& name : trained.dataset.classes) table.columns.push_back("probability of " + name);
  const std::string without_label = trained.run.windows.null_class ? trained.dataset.classes.back() : "";
  std::map<std::int32_t, Tally> people;
  for (std::size_t i = 0; i < count; ++i) {
    const std::vector<double> shares = probabilities(std::span(logits).subspan(i * classes, classes));
    const auto best = static_cast<std::size_t>(std::max_element(shares.begin(), shares.end()) - shares.begin());
    const auto label = static_cast<std::size_t>(windows.labels()[i]);
    const std::string named = label < dataset.info.classes.size() ? dataset.info.classes[label] : without_label;
    Tally& tally = people[windows.people()[i]];
    tally.windows += !named.empty();
    tally.right += !named.empty() && named == trained.dataset.classes[best];
    std::vector<Cell> row = {std::int64_t{windows.people()[i]},
                             std::int64_t{windows.recordings()[i]},
                             Real{static_cast<double>(windows.starts()[i]) / trained.dataset.rate},
                             trained.dataset.classes[best],
                             Real{shares[best]},
                             named.empty() ? Cell() : Cell(named)};
    for (const double share : shares) row.emplace_back(Real{share});
    table.rows.push_back(std::move(row));
  }
  std::cout << format_table(table, format);
  for (const auto& [person, tally] : people)
    if (tally.windows > 0)
      std::cerr << fmt::format("person {}: {:.2f} % of {} labelled windows\n", person,
                               100.0 * static_cast<double>(tally.right) / static_cast<double>(tally.windows), tally.windows);
  return 0;
#endif
}

} // namespace stdualx
