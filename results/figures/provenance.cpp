// Where the numbers of a page come from: programs, numeric platforms, data.
#include "results/figures/figure.h"

namespace stdualx {

std::vector<TitledTable> provenance_tables(Reader& reader) {
  const std::string attempts = " FROM attempts a JOIN runs r USING (run_id) ";
  std::vector<TitledTable> tables;
  tables.push_back({"programs",
                    reader.query("SELECT p.version, p.git_commit AS \"commit\", p.trainer_commit AS \"trainer's commit\", "
                                 "p.trainer_sha256 AS \"trainer's SHA-256\", count(*) AS attempts" +
                                 attempts + "JOIN programs p ON p.program_id = a.program_id GROUP BY p.program_id ORDER BY p.program_id"),
                    {"An empty commit: the program was built outside a repository."}});
  tables.push_back(
      {"platforms",
       reader.query(
           "SELECT a.device, a.platform AS \"numeric platform\", a.threads, count(DISTINCT a.host) AS hosts, count(*) AS attempts" +
           attempts + "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"),
       {"Equal bits are promised on an equal numeric platform."}});
  tables.push_back(
      {"data",
       reader.query("SELECT r.dataset AS \"data set\", r.dataset_hash AS \"hash of samples, labels and people\", count(*) AS runs, "
                    "sum(r.status = 'COMPLETE') AS complete FROM runs r GROUP BY 1, 2 ORDER BY 1, 2"),
       {"A data set is called as the store calls it; another one never stands for one of the paper's."}});
  return tables;
}

} // namespace stdualx
