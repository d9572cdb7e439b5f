// What was asked for, and by which program: sweeps with their runs, configurations, builds.
#include "results/store_impl.h"
#include "experiments/spec/human_text.h"
#include "results/tables.h"

#include <map>
#include <optional>
#include <set>

namespace stdualx {

namespace {
std::string words_of(const std::string& program, const BuildId& build) {
  return program + " " + (build.version.empty() ? "of an unknown build" : build.version) +
         (build.git_commit.empty() ? "" : " (" + build.git_commit + ")") + (build.sha256.empty() ? "" : ", " + short_id(build.sha256));
}
} // namespace

std::int64_t Store::Impl::program_id(const BuildId& trainer) {
  const BuildId& own = options.build;
  for (const auto& [build, id] : programs)
    if (build == trainer) return id;
  std::int64_t id = 0;
  constexpr const char* find = "SELECT program_id FROM programs WHERE version = ?1 AND git_commit = ?2 AND sha256 = ?3 AND "
                               "trainer_version = ?4 AND trainer_commit = ?5 AND trainer_sha256 = ?6";
  if (const auto known =
          database.integer(find, own.version, own.git_commit, own.sha256, trainer.version, trainer.git_commit, trainer.sha256)) {
    id = *known;
  } else {
    database.execute("INSERT INTO programs (version, git_commit, sha256, trainer_version, trainer_commit, trainer_sha256) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                     own.version, own.git_commit, own.sha256, trainer.version, trainer.git_commit, trainer.sha256);
    id = database.last_inserted();
  }
  // In the middle of a sweep: some of its runs were begun by others.
  std::vector<std::string> others;
  database.each(
      "SELECT s.name, count(DISTINCT a.run_id), p.version, p.git_commit, p.sha256, p.trainer_version, p.trainer_commit, p.trainer_sha256 "
      "FROM sweeps s JOIN sweep_runs x USING (sweep_id) JOIN attempts a ON a.run_id = x.run_id JOIN programs p USING (program_id) "
      "WHERE s.coordinator_id = ?1 AND a.program_id <> ?2 GROUP BY s.sweep_id, p.program_id ORDER BY p.program_id",
      [&](const Row& row) {
        others.push_back("of sweep " + row.text(0) + " " + row.text(1) + " runs were begun by " +
                         words_of("stdualx", {row.text(2), row.text(3), row.text(4)}) + " with " +
                         words_of("trainer", {row.text(5), row.text(6), row.text(7)}));
      },
      coordinator_id, id);
  for (const std::string& other : others)
    event("other_build", "",
          other + "; from here on " + words_of("stdualx", own) + " with " + words_of("trainer", trainer) + " is at work");
  programs.emplace_back(trainer, id);
  return id;
}

std::int64_t Store::Impl::config_id(const RunSpec& run) {
  Json config = to_json_all(run);
  config.erase("fold");
  config.erase("seed");
  const std::string text = config.dump();
  if (const auto known = database.integer("SELECT config_id FROM configs WHERE config = ?1", text)) return *known;
  database.execute("INSERT INTO configs (config) VALUES (?1)", text);
  return database.last_inserted();
}

void Store::Impl::insert_run(const std::string& run_id, const RunSpec& run, std::int64_t config) {
  database.execute("INSERT INTO runs (run_id, status, status_ms, dataset, dataset_hash, protocol, folds, fold, seed, preset, "
                   "variant, epochs, world_size, threads, "
                   "open_test, split_id, recipe_id, code_version, first_seen_ms, config_id) "
                   "VALUES (?1, 'PLANNED', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?2, ?18)",
                   run_id, now(), run.dataset, run.dataset_hash, run.protocol.kind,
                   run.protocol.kind == "official" ? 0 : run.protocol.folds, run.fold, run.seed, run.preset, run.variant,
                   run.training.epochs, run.world_size, run.threads, run.protocol.open_test, split_identity(run), recipe_identity(run),
                   run.code_version, config);
}

bool Store::Impl::take_labels(const PlannedRun& planned) {
  const RunSpec& run = planned.run;
  // A name that every sweep knows stands for the reports' claims; one of a sweep's own does not displace it.
  if (!planned.own_name)
    database.execute("UPDATE runs SET preset = ?2, variant = ?3 WHERE run_id = ?1 AND (preset <> ?2 OR variant <> ?3)", planned.run_id,
                     run.preset, run.variant);
  // What is COMPLETE counts as open once its test part is evaluated (a trigger). What is still to be trained ends as this sweep says.
  database.execute("UPDATE runs SET open_test = ?2 WHERE run_id = ?1 AND status <> 'COMPLETE' AND open_test <> ?2 AND NOT EXISTS (SELECT 1 "
                   "FROM evaluation_parts p WHERE p.run_id = ?1 AND part = 'test')",
                   planned.run_id, run.protocol.open_test);
  return run.protocol.open_test &&
         database.integer("SELECT 1 FROM runs WHERE run_id = ?1 AND status = 'COMPLETE' AND open_test = 0", planned.run_id).has_value();
}

void Store::Impl::insert_origins(const Plan& plan) {
  std::map<std::string, std::int64_t> cuts;
  for (const WindowOrigins& origins : plan.origins) {
    const auto known = database.integer("SELECT cut FROM cuts WHERE cut_id = ?1", origins.cut_id);
    if (!known) database.execute("INSERT INTO cuts (cut_id, rate) VALUES (?1, ?2)", origins.cut_id, origins.rate);
    const std::int64_t cut = cuts[origins.cut_id] = known ? *known : database.last_inserted();
    if (known) continue; // the same recordings, cut the same way
    for (std::size_t i = 0; i < origins.recordings.size(); ++i)
      database.execute("INSERT INTO cut_recordings (cut, recording, name, begin) VALUES (?1, ?2, ?3, ?4)", cut,
                       static_cast<std::int64_t>(i), origins.recordings[i].empty() ? std::to_string(i) : origins.recordings[i],
                       origins.begins[i]);
    for (std::size_t i = 0; i < origins.recording.size(); ++i)
      database.execute("INSERT INTO cut_windows (cut, window, recording, start) VALUES (?1, ?2, ?3, ?4)", cut, static_cast<std::int64_t>(i),
                       origins.recording[i], origins.starts[i]);
  }
  std::set<std::string> splits;
  for (const PlannedRun& planned : plan.runs) {
    const auto cut = cuts.find(cut_identity(planned.run));
    if (std::string split = split_identity(planned.run); cut != cuts.end() && splits.insert(split).second)
      database.execute("INSERT INTO split_cuts (split_id, cut) VALUES (?1, ?2) ON CONFLICT DO NOTHING", split, cut->second);
  }
}

std::int64_t Store::register_sweep(const Plan& plan) {
  return impl_->write([&] {
    Database& database = impl_->database;
    const std::int64_t now = impl_->now();
    database.execute("INSERT INTO sweeps (sweep_id, name, sweep, first_seen_ms, coordinator_id) VALUES (?1, ?2, ?3, ?4, ?5) "
                     "ON CONFLICT DO UPDATE SET sweep = excluded.sweep, coordinator_id = excluded.coordinator_id, retired_ms = NULL",
                     plan.sweep_id, plan.name, plan.sweep_text, now, impl_->coordinator_id);
    for (const DatasetCard& card : plan.datasets) // a sweep without the NULL class must not take its name from one with it
      database.execute("INSERT INTO datasets (dataset_hash, name, sensors, classes) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET "
                       "name = excluded.name, sensors = excluded.sensors, classes = excluded.classes "
                       "WHERE json_array_length(excluded.classes) >= json_array_length(datasets.classes)",
                       card.dataset_hash, card.name, Json(card.sensors).dump(), Json(card.classes).dump());
    for (const ThinClass& thin : plan.thin_classes)
      database.execute(
          "INSERT INTO thin_classes (split_id, fold, label, person, tested) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
          thin.split_id, thin.fold, thin.label, thin.nobody ? std::optional<std::int64_t>() : std::optional<std::int64_t>(thin.person),
          Json(thin.tested).dump());
    impl_->insert_origins(plan);
    std::int64_t added = 0, ordinal = 0, opened = 0;
    for (const PlannedRun& planned : plan.runs) {
      const std::string& run_id = planned.run_id;
      const RunSpec& run = planned.run;
      // One identity, so an older text can only lack fields that were added since; views compare the texts of old runs and new ones.
      const std::int64_t config = impl_->config_id(run);
      if (database.execute("UPDATE runs SET config_id = ?2 WHERE run_id = ?1", run_id, config) == 0) {
        impl_->insert_run(run_id, run, config);
        ++added;
      } else {
        opened += impl_->take_labels(planned);
      }
      database.execute("INSERT INTO sweep_runs (sweep_id, run_id, ordinal, preset, variant, fold) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
                       "ON CONFLICT DO UPDATE SET ordinal = excluded.ordinal, preset = excluded.preset, variant = excluded.variant, "
                       "fold = excluded.fold",
                       plan.sweep_id, run_id, ordinal++, run.preset, run.variant, run.fold);
    }
    if (opened > 0)
      impl_->event("test_opened", "",
                   "sweep " + plan.name + " opens the test part of " + std::to_string(opened) + " runs that were COMPLETE with it closed");
    return added;
  });
}

std::int64_t Store::retire(const std::string& sweep_id, const std::string& name, const std::string& text) {
  return impl_->write([&] {
    Database& database = impl_->database;
    database.execute("INSERT INTO sweeps (sweep_id, name, sweep, first_seen_ms, retired_ms) VALUES (?1, ?2, ?4, ?3, ?3) "
                     "ON CONFLICT DO UPDATE SET retired_ms = excluded.retired_ms",
                     sweep_id, name, impl_->now(), text);
    const std::int64_t given_up =
        database.integer("SELECT count(*) FROM sweep_runs JOIN v_given_up USING (run_id) WHERE sweep_id = ?1", sweep_id).value_or(0);
    impl_->event("retired", "",
                 "sweep " + name + " (" + short_id(sweep_id) + ") was retired: " + std::to_string(given_up) +
                     " of its runs were not done and count as open no longer");
    return given_up;
  });
}

} // namespace stdualx
