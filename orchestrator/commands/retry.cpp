// `stdualx retry`: runs that failed for good are planned again; the next `run` trains them, from their last checkpoint.
#include "orchestrator/commands/command.h"
#include "results/reader.h"
#include "results/rows.h"
#include "results/store.h"
#include "results/tables.h"

#include <iostream>

namespace stdualx {

int retry_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_store_option(described);
  described.add_options()("RUN", options::value<std::string>(), "the run, or the start of its identity")(
      "failed", "every FAILED and QUARANTINED run of the store, and COMPLETE ones whose evaluation failed");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"[RUN]"}, values)) return 0;
  const bool all = values.count("failed") != 0;
  if (all == (values.count("RUN") != 0)) throw InputError("expected either a RUN or --failed; `" + command.example + "` is an example");

  std::vector<std::string> ids;
  {
    Reader reader(store_path(values));
    const std::string only = all ? "" : resolve_run(reader, values["RUN"].as<std::string>());
    const Table failed = reader.query(
        "SELECT run_id FROM runs r WHERE status IN ('FAILED', 'QUARANTINED') OR status = 'COMPLETE' AND (SELECT end_reason FROM attempts a "
        "WHERE a.run_id = r.run_id AND a.attempt > r.forgiven_attempt ORDER BY attempt DESC LIMIT 1) "
        "IN ('not_finite', 'error', 'trainer_died', 'lease_expired') ORDER BY run_id");
    for (const auto& row : failed.rows)
      if (const std::string id = text_of(row[0]); all || id == only) ids.push_back(id);
    if (!all && ids.empty()) throw InputError("run " + only + " has not failed; `stdualx status` names those that are");
  }
  if (ids.empty()) {
    std::cout << "no run has failed\n";
    return 0;
  }
  Store store = Store::open_for_writing(store_path(values), waiting_for_readers(store_path(values)));
  for (const auto& id : ids) store.retry(id);
  store.release();
  std::cout << ids.size() << (ids.size() == 1 ? " run is" : " runs are") << " planned again; `stdualx run SPEC` takes "
            << (ids.size() == 1 ? "it\n" : "them\n");
  return 0;
}

} // namespace stdualx
