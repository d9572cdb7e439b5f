// `stdualx data`: where data sets are looked for and which are there (list), whether they are whole (verify), and cut into
// windows ahead of time (import); first manifests (init); the window cache (cache).
#include "experiments/archive.h"
#include "experiments/cache_files.h"
#include "experiments/datasets/first_manifest.h"
#include "experiments/windows.h"
#include "orchestrator/commands/command.h"
#include "results/format.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <optional>
#include <set>

namespace stdualx {

namespace {

class Stopwatch {
public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// Where a data set lies; nothing where it is not there.
std::optional<DatasetSource> found(const CatalogEntry& entry, const DataPaths& paths) {
  try {
    return find_dataset(entry.name, paths);
  } catch (const InputError&) {
    return std::nullopt;
  }
}

std::vector<TitledTable> list_tables(const DataPaths& paths) {
  TitledTable sets{"data sets",
                   {{"data set", "what", "found at"}, {}},
                   {"Recordings of your own: name the path of a manifest, a .json file, in their place."}};
  TitledTable missing{"not there", {{"data set", "looked for"}, {}}, {}};
  for (const CatalogEntry& entry : catalog()) {
    const auto source = found(entry, paths);
    sets.table.rows.push_back({entry.name, entry.summary, source ? Cell(source->path.string()) : Cell()});
    if (source) continue;
    for (const auto& place : places_of(entry, paths)) missing.table.rows.push_back({entry.name, std::filesystem::absolute(place).string()});
    missing.notes.push_back(entry.name + ": " + entry.obtain);
  }
  std::vector<TitledTable> tables{std::move(sets)};
  if (!missing.table.rows.empty()) tables.push_back(std::move(missing));
  return tables;
}

std::string text_of_rate(double rate) { return cell_text(Real{rate}) + " Hz"; }

/// What became of the rows of a manifest's files: the lines of each half add up. `cut`: into windows, too.
TitledTable account_table(const DatasetInfo& info, const RowAccount& account, std::int64_t recordings_samples, bool cut) {
  TitledTable titled{info.name + ", what became of the rows", {{"rows", "count"}, {}}, {}};
  const auto row = [&](const std::string& what, std::int64_t count) { titled.table.rows.push_back({what, count}); };
  row("read", account.rows);
  row("samples more on the even grid of " + text_of_rate(info.rate), account.regridded);
  row("left out: a channel has no value for over 0.2 s", -account.in_gaps);
  row("left out: a sensor with files of its own has none", -account.one_missing);
  row("= samples of the recordings", recordings_samples);
  if (cut) {
    row("left out: shorter than a window", -account.shorter);
    row("left out: without a class", -account.no_class);
    row("left out: at an end, between windows or of mixed labels", -account.outside);
    row("= samples in windows", recordings_samples - account.shorter - account.no_class - account.outside);
  }
  if (account.filled > 0) titled.notes.push_back(std::to_string(account.filled) + " samples have a value that was filled in.");
  return titled;
}

/// Windows by person and class: of whoever wore the sensors, with a window or without.
TitledTable people_table(const WindowSet& windows) {
  const DatasetInfo& info = windows.info();
  std::map<std::int32_t, std::vector<std::int64_t>> counts;
  std::map<std::int32_t, std::set<std::int32_t>> recordings;
  for (std::int64_t i = 0; i < windows.size(); ++i) {
    if (!windows.is_for_evaluation(i)) continue;
    const auto place = static_cast<std::size_t>(i);
    auto& of_person = counts[windows.people()[place]];
    of_person.resize(info.classes.size());
    ++of_person[static_cast<std::size_t>(windows.labels()[place])];
    recordings[windows.people()[place]].insert(windows.recordings()[place]);
  }
  TitledTable titled{info.name + ", windows by person and class", {{"person", "recordings"}, {}}, {}};
  titled.table.columns.insert(titled.table.columns.end(), info.classes.begin(), info.classes.end());
  for (const auto& [person, by_class] : counts) {
    std::vector<Cell> row{person_words(info, person), static_cast<std::int64_t>(recordings[person].size())};
    row.insert(row.end(), by_class.begin(), by_class.end());
    titled.table.rows.push_back(std::move(row));
  }
  return titled;
}

std::vector<TitledTable> import_tables(const std::string& dataset, const WindowSpec& spec, const DataPaths& paths) {
  const Stopwatch watch;
  const WindowSet windows = open_window_set(dataset, spec, paths);
  const double seconds = watch.seconds();
  const DatasetInfo& info = windows.info();
  std::vector<std::set<std::int32_t>> people(info.classes.size());
  std::vector<std::int64_t> counts(info.classes.size());
  std::int64_t evaluated = 0, trained = 0;
  for (std::size_t i = 0; i < windows.labels().size(); ++i) {
    trained += windows.is_for_training(static_cast<std::int64_t>(i));
    if (!windows.is_for_evaluation(static_cast<std::int64_t>(i))) continue;
    ++evaluated;
    const auto label = static_cast<std::size_t>(windows.labels()[i]);
    people[label].insert(windows.people()[i]);
    ++counts[label];
  }
  TitledTable classes{info.name + ", windows by class", {{"class", "windows", "people"}, {}}, {}};
  for (std::size_t i = 0; i < info.classes.size(); ++i) {
    classes.table.rows.push_back({info.classes[i], counts[i], static_cast<std::int64_t>(people[i].size())});
    if (counts[i] == 0) classes.notes.push_back("No window is of class '" + info.classes[i] + "'.");
    if (people[i].size() == 1)
      classes.notes.push_back("Person " + person_words(info, *people[i].begin()) + " alone did '" + info.classes[i] +
                              "': a split by person never has it in both training and test.");
  }
  const auto distinct = [](std::span<const std::int32_t> list) {
    return static_cast<std::int64_t>(std::set(list.begin(), list.end()).size());
  };
  const WindowSpec& cut = windows.window_spec();
  TitledTable facts{
      info.name,
      {{"people", "recordings with windows", "windows", "sensors", "rate", "steps", "stride", "hash of the recordings", "took"},
       {{distinct(windows.people()), distinct(windows.recordings()), evaluated, static_cast<std::int64_t>(info.sensors.size()),
         text_of_rate(info.rate), cut.steps, cut.stride, windows.dataset_hash(), Duration{seconds}}}},
      {}};
  if (cut.training_stride != 0)
    facts.notes.push_back("Training windows begin every " + std::to_string(cut.training_stride) + " samples; of all recordings there are " +
                          std::to_string(trained) + ".");
  const WindowSetInfo& all = windows.all_info();
  facts.notes.insert(facts.notes.end(), all.notes.begin(), all.notes.end());
  std::vector<TitledTable> tables{std::move(facts), std::move(classes), people_table(windows)};
  const RowAccount& account = all.account;
  if (account.rows > 0)
    tables.push_back(account_table(info, account, account.rows + account.regridded - account.in_gaps - account.one_missing, true));
  return tables;
}

bool is_file(std::string_view name, std::string_view path) {
  return name.ends_with(path) && (name.size() == path.size() || name[name.size() - path.size() - 1] == '/');
}

/// Each published file beside what lies there. `wrong` counts those that differ and those that are needed and missing.
TitledTable published_table(const CatalogEntry& entry, const DatasetSource& source, std::int64_t& wrong) {
  std::map<std::string_view, std::string> states;
  const auto published = [&](std::string_view name) {
    const auto file =
        std::find_if(entry.published.begin(), entry.published.end(), [&](const auto& one) { return is_file(name, one.path); });
    return file == entry.published.end() ? nullptr : &*file;
  };
  // The whole folder, not the files that are read alone: what is not needed may have been damaged too.
  read_files(
      source.path, [&](std::string_view name) { return published(name) != nullptr; },
      [&](const std::string&, std::string_view name, std::string_view contents) {
        const PublishedFile& file = *published(name);
        if (contents.size() != file.bytes) states[file.path] = "differs: " + std::to_string(contents.size()) + " bytes";
        else states[file.path] = sha256_hex(contents) == file.sha256 ? "as published" : "differs: other contents";
      });
  TitledTable table{entry.name + " beside what was published", {{"file", "bytes", "here"}, {}}, {}};
  for (const PublishedFile& file : entry.published) {
    const auto state = states.find(file.path);
    const bool needed = entry.wanted(file.path);
    if (state == states.end() ? needed : state->second != "as published") ++wrong;
    table.table.rows.push_back({std::string(file.path), static_cast<std::int64_t>(file.bytes),
                                state != states.end() ? state->second : std::string(needed ? "missing" : "not there, not needed")});
  }
  return table;
}

/// Reads everything, without any cache.
void add_parsed(const CatalogEntry& entry, const DatasetSource& source, TitledTable& parsed, std::vector<TitledTable>& accounts) {
  const Stopwatch watch;
  const Dataset dataset = entry.read(source);
  std::set<std::int32_t> people;
  std::int64_t steps = 0, labelled = 0;
  for (const Recording& recording : dataset.recordings) {
    people.insert(recording.person);
    steps += recording.steps();
    labelled += recording.steps() - std::count(recording.labels.begin(), recording.labels.end(), no_label);
  }
  parsed.notes.insert(parsed.notes.end(), dataset.notes.begin(), dataset.notes.end());
  if (dataset.account.rows > 0) {
    accounts.push_back(account_table(dataset.info, dataset.account, steps, false));
    for (const std::int32_t person : people) accounts.back().notes.push_back("Person " + person_words(dataset.info, person) + ".");
  }
  parsed.table.rows.push_back({dataset.info.name, static_cast<std::int64_t>(people.size()),
                               static_cast<std::int64_t>(dataset.recordings.size()), steps, labelled, dataset.left_out_steps,
                               dataset_hash(dataset), Duration{watch.seconds()}});
}

/// Verifies one data set, or all that are there; prints, then throws InputError for the first that is not whole.
void verify(const std::vector<std::string>& names, const DataPaths& paths, const Output& format) {
  std::vector<TitledTable> tables, accounts;
  TitledTable parsed{
      "read",
      {{"data set", "people", "recordings", "samples", "with a class", "left out in gaps", "hash of the recordings", "took"}, {}},
      {}};
  std::string trouble;
  for (const std::string& name : names) {
    try {
      const CatalogEntry entry = catalog_entry(name);
      const DatasetSource source = find_dataset(name, paths);
      std::int64_t wrong = 0;
      if (!entry.published.empty()) tables.push_back(published_table(entry, source, wrong));
      else parsed.notes.push_back("No published sizes and sums are known of " + name + ": it was read, that is all.");
      if (wrong > 0 && trouble.empty())
        trouble = source.path.string() + ": " + std::to_string(wrong) + (wrong == 1 ? " file is" : " files are") +
                  " not as published; fetch " + (wrong == 1 ? "it" : "them") + " again. " + entry.obtain;
      add_parsed(entry, source, parsed, accounts);
    } catch (const InputError& error) {
      if (trouble.empty()) trouble = error.what();
    }
  }
  if (!parsed.table.rows.empty()) tables.push_back(std::move(parsed));
  std::move(accounts.begin(), accounts.end(), std::back_inserter(tables));
  std::cout << format_tables(tables, format);
  if (!trouble.empty()) throw InputError(trouble);
}

double number_option(const options::variables_map& values, const std::string& name, double otherwise) {
  if (values.count(name) == 0) return otherwise;
  const double number = values[name].as<double>();
  if (!(number >= 0 && number < 1e9)) throw InputError("--" + name + ": expected a number of at least 0, found " + cell_text(Real{number}));
  return number;
}

/// `data cache` lists, `data cache prune` removes.
TitledTable cache_table(const options::variables_map& values, const std::filesystem::path& directory, bool prune) {
  constexpr double gigabyte = 1e9, day = 86400;
  const auto limit = cache_limit(directory);
  std::vector<CacheFile> files;
  if (prune) {
    const auto most = static_cast<std::uint64_t>(gigabyte * number_option(values, "to", static_cast<double>(limit) / gigabyte));
    const std::optional<double> idle =
        values.count("older-than") != 0 ? std::optional(day * number_option(values, "older-than", 0)) : std::nullopt;
    files = prune_cache(directory, most, idle);
  } else {
    files = cache_files(directory);
  }
  TitledTable titled{prune ? "removed window caches" : "window caches", {{"file", "MB", "unused for", "in use"}, {}}, {}};
  std::uint64_t total = 0;
  for (const CacheFile& file : files) {
    total += file.bytes;
    titled.table.rows.push_back({file.path.filename().string(), Real{static_cast<double>(file.bytes) / 1e6, 1}, Duration{file.idle_seconds},
                                 std::string(file.in_use ? "yes" : "no")});
  }
  const auto in_gigabytes = [&](std::uint64_t bytes) { return cell_text(Real{static_cast<double>(bytes) / gigabyte, 3}) + " GB"; };
  titled.notes = {
      std::filesystem::absolute(directory).string() + ": " + (prune ? "removed " : "") + std::to_string(files.size()) + " files, " +
          in_gigabytes(total) + ".",
      "A new cache removes those that are longest unused beyond " + in_gigabytes(limit) +
          " (STDUALX_CACHE_LIMIT, in GB; else 20 GB or a tenth of the disk). One in use is never removed; what is needed again is "
          "cut again."};
  return titled;
}

/// Prints a first manifest, and says what it rests on.
void init(const std::vector<std::string>& files) {
  const FirstManifest made = first_manifest(files);
  std::cout << made.manifest.dump(2) << "\n";
  for (const std::string& words : made.guessed) std::cerr << "stdualx: guessed " << words << "\n";
  for (const std::string& words : made.open) std::cerr << "stdualx: to do: " << words << "\n";
  std::cerr << "stdualx: paths are those given: write it into this folder (> manifest.json), correct it, then `stdualx data import "
               "manifest.json`\n";
}

} // namespace

int data_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_data_options(described);
  add_format_option(described);
  described.add_options()("ACTION", options::value<std::string>(),
                          "list: what there is; verify: sizes, SHA-256 and a reading of everything; "
                          "import: cuts windows and fills the cache; init: writes a first manifest of CSV files; cache: lists the window "
                          "cache, cache prune: removes of it")(
      "DATASET", options::value<std::vector<std::string>>(),
      "a name that `data list` shows, or the path of a manifest (.json); of init the CSV files; of cache nothing, or prune")(
      "older-than", options::value<double>()->value_name("DAYS"), "cache prune: also what was unused for so long")(
      "to", options::value<double>()->value_name("GB"),
      "cache prune: the most that is left, longest unused first; 0: all that is not in use")(
      "windows", options::value<std::string>()->value_name("JSON"),
      "import: as \"windows\" in a sweep, such as '{\"steps\": 171, \"rate\": 33.3}'");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"ACTION", "[DATASET]..."}, values)) return 0;
  const Output format = output_format(values);
  const DataPaths paths = data_paths(values);
  const auto action = values["ACTION"].as<std::string>();
  const auto named = values.count("DATASET") != 0 ? values["DATASET"].as<std::vector<std::string>>() : std::vector<std::string>{};
  const std::string dataset = named.empty() ? "" : named.front();
  if (named.size() > 1 && action != "init")
    throw InputError("data " + action + ": expected one data set, found '" + named[1] + "' after it");
  if (values.count("windows") != 0 && action != "import") throw InputError("--windows: only `data import` cuts windows; leave it out");
  for (const char* option : {"older-than", "to"})
    if (values.count(option) != 0 && (action != "cache" || dataset != "prune"))
      throw InputError(std::string("--") + option + ": is of `data cache prune` alone; leave it out");

  if (action == "list") {
    if (!dataset.empty()) throw InputError("data list: expected nothing after it, found '" + dataset + "'");
    std::cout << format_tables(list_tables(paths), format);
  } else if (action == "import") {
    if (dataset.empty()) throw InputError("data import: which data set? `stdualx data list` names them");
    WindowSpec spec;
    if (values.count("windows") != 0) {
      const Json json = Json::parse(values["windows"].as<std::string>(), nullptr, false);
      if (json.is_discarded()) throw InputError("--windows: expected JSON such as '{\"steps\": 171, \"rate\": 33.3}'");
      update_from_json(spec, json, "/windows");
    }
    std::cout << format_tables(import_tables(dataset, spec, paths), format);
  } else if (action == "verify") {
    std::vector<std::string> names;
    if (!dataset.empty()) names = {dataset};
    else
      for (const CatalogEntry& entry : catalog())
        if (found(entry, paths)) names.push_back(entry.name);
    if (names.empty()) throw InputError("data verify: no data set is there; `stdualx data list` says where they are looked for");
    verify(names, paths, format);
  } else if (action == "init") {
    init(named);
  } else if (action == "cache") {
    if (!dataset.empty() && dataset != "prune") throw InputError("data cache: expected nothing or prune after it, found '" + dataset + "'");
    std::cout << format_tables({cache_table(values, paths.cache_directory, dataset == "prune")}, format);
  } else {
    const std::string near = nearest_word(action, {"list", "import", "verify", "init", "cache"});
    throw InputError("data: expected list, verify, import, init or cache, found '" + action + "'" +
                     (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }
  return 0;
}

} // namespace stdualx
