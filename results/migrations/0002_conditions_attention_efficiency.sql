-- What disturbed test parts, attention maps, measurements of use and files need: tables for them, and views that name things as people do.

CREATE TABLE datasets (                -- what tables call the sensors and activities of a data set
  dataset_hash TEXT PRIMARY KEY,
  name         TEXT NOT NULL,          -- as its runs name it
  sensors      TEXT NOT NULL,          -- JSON list of names, in the order of the windows
  classes      TEXT NOT NULL           -- JSON list of names; a label is an index into it, from 0
) STRICT, WITHOUT ROWID;

CREATE TABLE conditions (              -- what the name of a condition says
  condition TEXT PRIMARY KEY,
  kind      TEXT NOT NULL,             -- clean, missing_samples, missing_blocks, missing_sensor, noise, gain, rotation, clock_jitter
  amount    REAL NOT NULL,             -- a share, a sensor's number, dB, a deviation, degrees, sample periods: as the kind counts
  fill      TEXT NOT NULL,             -- last, zero, linear; '' where nothing is missing
  seed      INTEGER NOT NULL           -- which draw; 0 where nothing is drawn
) STRICT, WITHOUT ROWID;
INSERT INTO conditions (condition, kind, amount, fill, seed) VALUES ('clean', 'clean', 0, '', 0);

CREATE TABLE attention (               -- cross-sensor attention of one person doing one activity, over heads and windows
  evaluation_id INTEGER NOT NULL REFERENCES evaluation_parts (evaluation_id),
  person        INTEGER NOT NULL,
  label         INTEGER NOT NULL,
  query         INTEGER NOT NULL,      -- number of the sensor that asks, from 0
  key           INTEGER NOT NULL,      -- number of the sensor that it looks at
  weight        REAL,                  -- of one `query` they sum to 1; NULL: no number
  windows       INTEGER NOT NULL,      -- averaged over
  PRIMARY KEY (evaluation_id, person, label, query, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE efficiency (              -- what a trained network costs to use; the latest measurement on a device stands
  run_id      TEXT NOT NULL REFERENCES runs (run_id),
  host        TEXT NOT NULL,
  device      TEXT NOT NULL,
  threads     INTEGER NOT NULL,
  metric      TEXT NOT NULL,           -- latency_median, latency_p99 (seconds), windows_per_second_BATCH, process_peak_bytes, ...
  value       REAL,
  kind        TEXT NOT NULL CHECK (kind IN ('finite', 'nan', 'inf', '-inf')),
  platform    TEXT NOT NULL,
  measured_ms INTEGER NOT NULL,
  PRIMARY KEY (run_id, host, device, threads, metric),
  CHECK ((kind = 'finite') = (value IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- An attempt at a COMPLETE run that trains nothing: it evaluates further conditions. The run stays COMPLETE throughout.
ALTER TABLE attempts ADD COLUMN evaluate_only INTEGER NOT NULL DEFAULT 0 CHECK (evaluate_only IN (0, 1));

DROP TABLE artifacts;                  -- no program of version 1 wrote one
CREATE TABLE artifacts (               -- other files a run left
  run_id      TEXT NOT NULL,
  kind        TEXT NOT NULL CHECK (kind IN ('weights', 'embedding')),
  path        TEXT NOT NULL,           -- relative to STORE.d
  attempt     INTEGER NOT NULL,        -- which wrote it
  sha256      TEXT NOT NULL,
  bytes       INTEGER NOT NULL,
  recorded_ms INTEGER NOT NULL,
  PRIMARY KEY (run_id, kind, path),
  FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, attempt)
) STRICT, WITHOUT ROWID;

DROP VIEW v_runs;
CREATE VIEW v_runs AS                  -- one row a run, with its clean numbers; device to end_detail are of the last attempt that trained
SELECT r.run_id, substr(r.run_id, 1, 10) AS short_id, r.status, r.dataset, r.protocol, r.folds, r.fold, r.seed, r.preset, r.variant,
       r.epochs AS epochs_planned,
       (SELECT count(*) FROM epochs e WHERE e.run_id = r.run_id) AS epochs_done,
       (SELECT count(*) FROM attempts a WHERE a.run_id = r.run_id) AS attempts,
       (SELECT count(*) FROM replays p WHERE p.run_id = r.run_id) AS replays,
       (SELECT total(e.wall_seconds) FROM epochs e WHERE e.run_id = r.run_id) AS seconds,
       (SELECT value FROM evaluations v WHERE v.run_id = r.run_id AND v.condition = 'clean' AND v.part = 'validation' AND v.metric = 'accuracy') AS validation_accuracy,
       (SELECT value FROM evaluations v WHERE v.run_id = r.run_id AND v.condition = 'clean' AND v.part = 'test' AND v.metric = 'accuracy') AS accuracy,
       (SELECT value FROM evaluations v WHERE v.run_id = r.run_id AND v.condition = 'clean' AND v.part = 'test' AND v.metric = 'f1_macro') AS f1_macro,
       (SELECT value FROM evaluations v WHERE v.run_id = r.run_id AND v.condition = 'clean' AND v.part = 'test' AND v.metric = 'f1_weighted') AS f1_weighted,
       (SELECT overlap_share FROM evaluation_parts v WHERE v.run_id = r.run_id AND v.condition = 'clean' AND v.part = 'test') AS overlap_share,
       r.world_size, r.threads, last.device, last.platform, last.end_reason, last.end_detail, r.open_test, r.recipe_id, r.split_id, r.dataset_hash
FROM runs r
LEFT JOIN attempts last ON last.run_id = r.run_id
  AND last.attempt = (SELECT max(a.attempt) FROM attempts a WHERE a.run_id = r.run_id AND a.evaluate_only = 0);

CREATE VIEW v_baseline AS              -- each network of another architecture beside STDual-X on the same split, fold and seed; differences of shares
SELECT b.dataset, b.protocol, b.folds, b.fold, b.seed, b.preset, b.variant, rb.config ->> '$.model.architecture' AS architecture, b.accuracy,
       s.accuracy AS stdual_x_accuracy, b.accuracy - s.accuracy AS accuracy_difference, b.f1_macro - s.f1_macro AS f1_macro_difference,
       b.recipe_id, s.recipe_id AS stdual_x_recipe_id, b.run_id, s.run_id AS stdual_x_run_id
FROM v_accuracy b
JOIN runs rb ON rb.run_id = b.run_id AND rb.config ->> '$.model.architecture' <> 'stdual_x'
JOIN v_accuracy s ON s.split_id = b.split_id AND s.fold = b.fold AND s.seed = b.seed AND s.preset = b.preset AND s.variant = 'stdual_x';

DROP VIEW v_robustness;
CREATE VIEW v_robustness AS            -- each number of the test part under a condition beside the clean one; `kind` is the number's
SELECT r.dataset, r.protocol, r.folds, r.fold, r.seed, r.preset, r.variant, v.condition, v.metric, v.value, v.kind, c.value AS clean_value,
       v.value - c.value AS difference, r.recipe_id, r.run_id,
       n.kind AS condition_kind, n.amount, n.fill, n.seed AS condition_seed, r.split_id
FROM evaluations v
JOIN runs r USING (run_id)
JOIN evaluations c ON c.run_id = v.run_id AND c.condition = 'clean' AND c.part = v.part AND c.metric = v.metric
LEFT JOIN conditions n ON n.condition = v.condition
WHERE v.part = 'test' AND v.condition <> 'clean' AND r.status = 'COMPLETE';

CREATE VIEW v_attention AS             -- one row an activity and pair of sensors of a run: mean and sample deviation of the weight over people
SELECT r.dataset, r.protocol, r.folds, r.fold, r.seed, r.preset, r.variant, a.label,
       coalesce(d.classes ->> ('$[' || a.label || ']'), 'class ' || a.label) AS activity, a.query,
       coalesce(d.sensors ->> ('$[' || a.query || ']'), 'sensor ' || a.query) AS querying_sensor, a.key,
       coalesce(d.sensors ->> ('$[' || a.key || ']'), 'sensor ' || a.key) AS attended_sensor,
       avg(a.weight) AS weight,
       CASE WHEN count(a.weight) > 1 THEN
         sqrt(max(0, total(a.weight * a.weight) - total(a.weight) * total(a.weight) / count(a.weight)) / (count(a.weight) - 1)) END AS deviation,
       count(*) AS people, sum(a.windows) AS windows, r.recipe_id, r.run_id
FROM attention a
JOIN evaluation_parts e USING (evaluation_id)
JOIN runs r ON r.run_id = e.run_id
LEFT JOIN datasets d ON d.dataset_hash = r.dataset_hash
WHERE e.part = 'test' AND e.condition = 'clean' AND r.status = 'COMPLETE'
GROUP BY a.evaluation_id, a.label, a.query, a.key;

CREATE VIEW v_inference AS             -- what a trained network costs to use, one row a number; v_efficiency says what training costs
SELECT r.dataset, r.protocol, r.folds, r.fold, r.seed, r.preset, r.variant, f.host, f.device, f.threads, f.metric, f.value, f.kind,
       f.platform, f.measured_ms, r.recipe_id, r.run_id
FROM efficiency f
JOIN runs r USING (run_id);
