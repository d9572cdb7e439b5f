// The ledger's queries. Each returns the rows that cannot be, as sentences.
#include "results/ledger.h"

#include "results/rows.h"

#include <fmt/format.h>

namespace stdualx {

namespace {

struct Check {
  bool fault;
  const char* sql; // columns: run_id, sentence
};

// `who(a)`: where an attempt computed.
#define WHO(a) "'attempt ' || " a ".attempt || ' on ' || " a ".host || ', ' || " a ".device"

const Check checks[] = {
    {true, "SELECT run_id, 'epoch ' || (epoch - 1) || ' is missing before epoch ' || epoch FROM epochs e WHERE epoch > 1 AND NOT EXISTS "
           "(SELECT 1 FROM epochs b WHERE b.run_id = e.run_id AND b.epoch = e.epoch - 1)"},
    {true, "SELECT e.run_id, 'epoch ' || e.epoch || ' (' || " WHO(
               "a") " || ') starts in state ' || e.state_hash_before || ', but epoch ' || "
                    "b.epoch || ' (' || " WHO("c") " || ') ended in ' || b.state_hash_after "
                                                   "FROM epochs e JOIN epochs b ON b.run_id = e.run_id AND b.epoch = e.epoch - 1 "
                                                   "JOIN attempts a ON a.run_id = e.run_id AND a.attempt = e.attempt JOIN attempts c ON "
                                                   "c.run_id = b.run_id AND c.attempt = b.attempt "
                                                   "WHERE e.state_hash_before <> b.state_hash_after"},
    {true, "SELECT p.run_id, 'epoch ' || p.epoch || ' was computed twice on an equal platform with other bits: ' || " WHO(
               "a") " || ' ended in ' "
                    "|| p.state_hash_after || ', ' || " WHO("c") " || ' in ' || e.state_hash_after || '; platform ' || p.platform "
                                                                 "FROM replays p JOIN epochs e USING (run_id, epoch) JOIN attempts a ON "
                                                                 "a.run_id = p.run_id AND a.attempt = p.attempt "
                                                                 "JOIN attempts c ON c.run_id = e.run_id AND c.attempt = e.attempt WHERE "
                                                                 "p.state_hash_after <> e.state_hash_after AND p.platform = c.platform"},
    {false, "SELECT p.run_id, 'epoch ' || p.epoch || ' was computed again on another platform, where equal bits are not promised: ' "
            "|| " WHO("a") " || ' (' || p.platform || '), ' || " WHO(
                "c") " || ' (' || c.platform || ')' "
                     "FROM replays p JOIN epochs e USING (run_id, epoch) JOIN attempts a ON a.run_id = p.run_id AND a.attempt = p.attempt "
                     "JOIN attempts c ON c.run_id = e.run_id AND c.attempt = e.attempt WHERE p.state_hash_after <> e.state_hash_after AND "
                     "p.platform <> c.platform"},
    {true, "SELECT p.run_id, 'the replay of epoch ' || p.epoch || ' in attempt ' || p.attempt || ' is said to ' || iif(p.agrees, 'agree', "
           "'differ') "
           "|| ', its hash says otherwise' FROM replays p JOIN epochs e USING (run_id, epoch) "
           "WHERE p.agrees <> (p.state_hash_after = e.state_hash_after)"},
    {true, "SELECT run_id, 'it is COMPLETE, but ' || (SELECT count(*) FROM epochs e WHERE e.run_id = r.run_id) || ' of its ' || epochs || "
           "' epochs are recorded' FROM runs r WHERE status = 'COMPLETE' AND epochs <> (SELECT count(*) FROM epochs e WHERE e.run_id = "
           "r.run_id)"},
    {true, "SELECT run_id, 'it is COMPLETE without the accuracy of its ' || iif(open_test, 'test', 'validation') || ' part' FROM runs r "
           "WHERE status = 'COMPLETE' AND NOT EXISTS (SELECT 1 FROM evaluations v WHERE v.run_id = r.run_id AND condition = 'clean' AND "
           "metric = 'accuracy' AND part = iif(r.open_test, 'test', 'validation'))"},
    {true, "SELECT run_id, 'it is ' || status || ', but holds an evaluation of its test part' FROM runs r WHERE open_test = 0 AND EXISTS "
           "(SELECT 1 FROM evaluation_parts p WHERE p.run_id = r.run_id AND part = 'test')"},
    {true, "SELECT run_id, 'the evaluation of ' || part || ' under ' || condition || ' says ' || windows || ' windows, but ' || "
           "(SELECT count(*) FROM predictions q WHERE q.evaluation_id = p.evaluation_id) || ' predictions and ' || "
           "(SELECT total(c.windows) FROM confusion c WHERE c.evaluation_id = p.evaluation_id) || ' in its confusion are recorded' "
           "FROM evaluation_parts p WHERE windows <> (SELECT count(*) FROM predictions q WHERE q.evaluation_id = p.evaluation_id) OR "
           "windows <> (SELECT total(c.windows) FROM confusion c WHERE c.evaluation_id = p.evaluation_id)"},
    {true,
     "SELECT run_id, 'the accuracy of ' || part || ' under ' || condition || ' is ' || value || ', but its predictions say ' || found FROM "
     "(SELECT p.run_id, p.part, p.condition, v.value, (SELECT avg(q.label = q.predicted) FROM predictions q WHERE q.evaluation_id = "
     "p.evaluation_id) AS found FROM evaluation_parts p JOIN evaluations v USING (run_id, condition, part) WHERE v.metric = 'accuracy') "
     "WHERE abs(value - found) > 1e-9"},
    {true, "SELECT p.run_id, 'the evaluation of ' || p.part || ' under ' || p.condition || ' has weights of epoch ' || p.weights_epoch || "
           "', which is not recorded' FROM evaluation_parts p WHERE NOT EXISTS "
           "(SELECT 1 FROM epochs e WHERE e.run_id = p.run_id AND e.epoch = p.weights_epoch)"},
    // The parts' key allows one row; rows of its numbers could still come from two attempts.
    {true,
     "SELECT v.run_id, 'the numbers of ' || v.part || ' under ' || v.condition || ' come from attempts ' || min(v.attempt) || ' and ' || "
     "max(v.attempt) || ': two evaluations in one' FROM evaluations v JOIN evaluation_parts p USING (run_id, condition, part) "
     "GROUP BY v.run_id, v.condition, v.part HAVING min(v.attempt) <> max(v.attempt) OR min(v.attempt) <> min(p.attempt)"},
    {true,
     "SELECT a.run_id, 'attempt ' || a.attempt || ' on ' || a.host || ' has no end, though the coordinator that began it gave the store "
     "back' FROM attempts a JOIN coordinators c USING (coordinator_id) WHERE a.ended_ms IS NULL AND c.released_ms IS NOT NULL"},
    {true, "SELECT run_id, 'it is RUNNING, but none of its attempts is open' FROM runs r WHERE status = 'RUNNING' AND NOT EXISTS "
           "(SELECT 1 FROM attempts a WHERE a.run_id = r.run_id AND a.ended_ms IS NULL)"},
};
#undef WHO

} // namespace

std::vector<LedgerFinding> ledger_findings(Reader& reader) {
  std::vector<LedgerFinding> findings;
  const Reader::Snapshot snapshot(reader);
  for (const Check& check : checks)
    for (const auto& row : reader.query(check.sql).rows) findings.push_back({check.fault, text_of(row.at(0)), text_of(row.at(1))});
  return findings;
}

} // namespace stdualx
