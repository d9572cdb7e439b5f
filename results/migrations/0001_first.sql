-- The store's first schema. Numbers that are not finite are NULL here, and a `kind` beside them says nan, inf or -inf.
-- Shares and scores go from 0 to 1; times are seconds, moments are milliseconds since 1970 UTC.

CREATE TABLE coordinators (            -- every process that ever held the store for writing; the newest one holds it
  coordinator_id INTEGER PRIMARY KEY AUTOINCREMENT,
  host           TEXT NOT NULL,
  boot_id        TEXT NOT NULL,        -- of the kernel, and its pid namespace: a pid means something only inside both
  pid            INTEGER NOT NULL,
  process_start  INTEGER NOT NULL,     -- clock ticks after boot: a pid used again is another process
  heartbeat      INTEGER NOT NULL DEFAULT 0,
  heartbeat_ms   INTEGER NOT NULL,
  claimed_ms     INTEGER NOT NULL,
  released_ms    INTEGER,              -- NULL: holds the store, or died
  job            TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE sweeps (
  sweep_id      TEXT PRIMARY KEY,      -- SHA-256 of the sweep's canonical JSON
  name          TEXT NOT NULL,
  sweep         TEXT NOT NULL,         -- that JSON
  first_seen_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
  run_id           TEXT PRIMARY KEY,   -- SHA-256 of the run's canonical RunSpec
  status           TEXT NOT NULL CHECK (status IN ('PLANNED', 'WAITING', 'RUNNING', 'INTERRUPTED', 'COMPLETE', 'FAILED', 'QUARANTINED')),
  status_ms        INTEGER NOT NULL,
  forgiven_attempt INTEGER NOT NULL DEFAULT 0, -- `retry` forgives the failures up to this attempt
  dataset          TEXT NOT NULL,
  dataset_hash     TEXT NOT NULL,
  protocol         TEXT NOT NULL,      -- official, leave_persons_out, random
  folds            INTEGER NOT NULL,   -- of the protocol; 0: official
  fold             INTEGER NOT NULL,
  seed             INTEGER NOT NULL,
  preset           TEXT NOT NULL,
  variant          TEXT NOT NULL,
  epochs           INTEGER NOT NULL,   -- to train
  world_size       INTEGER NOT NULL,
  threads          INTEGER NOT NULL,
  open_test        INTEGER NOT NULL CHECK (open_test IN (0, 1)),
  split_id         TEXT NOT NULL,      -- equal: same windows in the same folds
  recipe_id        TEXT NOT NULL,      -- equal: differ in fold and seed alone (official split: a fold is a group of validation people)
  code_version     INTEGER NOT NULL,
  first_seen_ms    INTEGER NOT NULL,
  config           TEXT NOT NULL       -- JSON, the whole RunSpec
) STRICT;
CREATE INDEX runs_recipe ON runs (recipe_id, fold, seed);

CREATE TABLE sweep_runs (
  sweep_id TEXT NOT NULL REFERENCES sweeps (sweep_id),
  run_id   TEXT NOT NULL REFERENCES runs (run_id),
  ordinal  INTEGER NOT NULL,           -- place in the sweep's plan
  PRIMARY KEY (sweep_id, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sweep_runs_run ON sweep_runs (run_id);

CREATE TABLE attempts (                -- never erased
  run_id         TEXT NOT NULL REFERENCES runs (run_id),
  attempt        INTEGER NOT NULL,     -- from 1
  coordinator_id INTEGER NOT NULL REFERENCES coordinators (coordinator_id),
  started_ms     INTEGER NOT NULL,
  ended_ms       INTEGER,              -- NULL: runs, or its coordinator died
  end_reason     TEXT CHECK (end_reason IN ('complete', 'not_finite', 'error', 'trainer_died', 'lease_expired', 'drained', 'stopped',
                                            'group_broken', 'interrupted')),
  end_detail     TEXT,
  stderr_tail    TEXT,
  resume_epoch   INTEGER NOT NULL,     -- epochs it found done; 0: from the start
  world_size     INTEGER NOT NULL,
  host           TEXT NOT NULL,        -- of the group's first member, as all that follows
  pid            INTEGER NOT NULL,
  device         TEXT NOT NULL,
  platform       TEXT NOT NULL,        -- numeric platform: bits are promised where it is equal
  threads        INTEGER NOT NULL,
  slurm_job_id   TEXT NOT NULL,
  PRIMARY KEY (run_id, attempt),
  CHECK ((ended_ms IS NULL) = (end_reason IS NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX attempts_one_open ON attempts (run_id) WHERE ended_ms IS NULL;

CREATE TABLE epochs (
  run_id                TEXT NOT NULL,
  epoch                 INTEGER NOT NULL CHECK (epoch >= 1),
  attempt               INTEGER NOT NULL,
  recorded_ms           INTEGER NOT NULL,
  train_loss            REAL,
  kind                  TEXT NOT NULL CHECK (kind IN ('finite', 'nan', 'inf', '-inf')), -- of train_loss
  validation_loss       REAL,          -- NULL without a validation part, as the two scores
  validation_accuracy   REAL,
  validation_macro_f1   REAL,
  learning_rate         REAL,
  windows               INTEGER NOT NULL,
  compute_seconds       REAL,
  data_seconds          REAL,
  communication_seconds REAL,
  wall_seconds          REAL,
  best_epoch            INTEGER NOT NULL,
  state_hash_before     TEXT NOT NULL,
  state_hash_after      TEXT NOT NULL,
  PRIMARY KEY (run_id, epoch),
  FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE replays (                 -- epochs computed again, after a checkpoint older than the last recorded epoch
  run_id           TEXT NOT NULL,
  epoch            INTEGER NOT NULL,
  attempt          INTEGER NOT NULL,
  state_hash_after TEXT NOT NULL,
  platform         TEXT NOT NULL,
  agrees           INTEGER NOT NULL CHECK (agrees IN (0, 1)), -- with the recorded epoch's hash
  recorded_ms      INTEGER NOT NULL,
  PRIMARY KEY (run_id, epoch, attempt),
  FOREIGN KEY (run_id, epoch) REFERENCES epochs (run_id, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluation_parts (        -- one evaluated part of one run under one condition
  evaluation_id INTEGER PRIMARY KEY,
  run_id        TEXT NOT NULL,
  condition     TEXT NOT NULL,         -- clean: undisturbed
  part          TEXT NOT NULL CHECK (part IN ('validation', 'test')),
  attempt       INTEGER NOT NULL,
  weights_epoch INTEGER NOT NULL,
  overlap_share REAL,                  -- share of its windows that overlap a training window in time
  windows       INTEGER NOT NULL,
  classes       INTEGER NOT NULL,
  recorded_ms   INTEGER NOT NULL,
  UNIQUE (run_id, condition, part),
  FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, attempt)
) STRICT;

CREATE TABLE evaluations (             -- its numbers, named as scikit-learn names them
  run_id        TEXT NOT NULL,
  condition     TEXT NOT NULL,
  part          TEXT NOT NULL,
  metric        TEXT NOT NULL,
  value         REAL,
  kind          TEXT NOT NULL CHECK (kind IN ('finite', 'nan', 'inf', '-inf')),
  attempt       INTEGER NOT NULL,
  weights_epoch INTEGER NOT NULL,
  PRIMARY KEY (run_id, condition, part, metric),
  FOREIGN KEY (run_id, condition, part) REFERENCES evaluation_parts (run_id, condition, part),
  CHECK ((kind = 'finite') = (value IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE predictions (             -- keyed by a number, since there are many; v_predictions says whose they are
  evaluation_id INTEGER NOT NULL REFERENCES evaluation_parts (evaluation_id),
  window        INTEGER NOT NULL,      -- in the data set's window order
  person        INTEGER NOT NULL,
  label         INTEGER NOT NULL,
  predicted     INTEGER NOT NULL,
  PRIMARY KEY (evaluation_id, window)
) STRICT, WITHOUT ROWID;

CREATE TABLE confusion (               -- counts that are not 0; v_confusion says whose they are
  evaluation_id INTEGER NOT NULL REFERENCES evaluation_parts (evaluation_id),
  label         INTEGER NOT NULL,
  predicted     INTEGER NOT NULL,
  windows       INTEGER NOT NULL,
  PRIMARY KEY (evaluation_id, label, predicted)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
  run_id      TEXT NOT NULL,
  attempt     INTEGER NOT NULL,
  epoch       INTEGER NOT NULL,
  path        TEXT NOT NULL,           -- relative to STORE.d
  sha256      TEXT NOT NULL,
  bytes       INTEGER NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('live', 'deleted')),
  recorded_ms INTEGER NOT NULL,
  PRIMARY KEY (run_id, attempt, epoch),
  FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifacts (               -- other files a run left
  run_id      TEXT NOT NULL REFERENCES runs (run_id),
  kind        TEXT NOT NULL,
  path        TEXT NOT NULL,
  sha256      TEXT NOT NULL,
  bytes       INTEGER NOT NULL,
  recorded_ms INTEGER NOT NULL,
  PRIMARY KEY (run_id, kind, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE paper_values (            -- the paper's own numbers
  claim_id  TEXT PRIMARY KEY,
  dataset   TEXT,                      -- NULL: not stated, as the next two
  protocol  TEXT,
  condition TEXT,
  variant   TEXT NOT NULL,
  metric    TEXT NOT NULL,
  value     REAL NOT NULL,
  unit      TEXT NOT NULL,
  hardware  TEXT,
  stands_in TEXT NOT NULL,             -- where in the paper
  words     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  event_id       INTEGER PRIMARY KEY,
  at_ms          INTEGER NOT NULL,
  kind           TEXT NOT NULL,
  run_id         TEXT REFERENCES runs (run_id),
  coordinator_id INTEGER REFERENCES coordinators (coordinator_id),
  text           TEXT NOT NULL
) STRICT;
CREATE INDEX events_run ON events (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE hosts (
  host          TEXT PRIMARY KEY,
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms  INTEGER NOT NULL,
  facts         TEXT NOT NULL          -- JSON: numeric platform of the trainer that was ready there last
) STRICT, WITHOUT ROWID;

-- A run without the numbers it was trained for is never COMPLETE, whoever writes.
CREATE TRIGGER runs_complete_needs_evaluation BEFORE UPDATE OF status ON runs
WHEN NEW.status = 'COMPLETE' AND NOT EXISTS (
  SELECT 1 FROM evaluations
  WHERE run_id = NEW.run_id AND condition = 'clean' AND metric = 'accuracy' AND part = CASE NEW.open_test WHEN 1 THEN 'test' ELSE 'validation' END)
BEGIN SELECT RAISE(ABORT, 'a run without its evaluation cannot be COMPLETE'); END;
CREATE TRIGGER runs_begin_unfinished BEFORE INSERT ON runs WHEN NEW.status = 'COMPLETE'
BEGIN SELECT RAISE(ABORT, 'a run without its evaluation cannot be COMPLETE'); END;
CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'attempts are never erased'); END;

-- The interface for questions. Columns may be added to a view, never renamed.

CREATE VIEW v_predictions AS
SELECT e.run_id, e.condition, e.part, p.window, p.person, p.label, p.predicted FROM predictions p JOIN evaluation_parts e USING (evaluation_id);

CREATE VIEW v_confusion AS
SELECT e.run_id, e.condition, e.part, c.label, c.predicted, c.windows FROM confusion c JOIN evaluation_parts e USING (evaluation_id);

CREATE VIEW v_runs AS                  -- one row a run, with its clean numbers
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
LEFT JOIN attempts last ON last.run_id = r.run_id AND last.attempt = (SELECT max(a.attempt) FROM attempts a WHERE a.run_id = r.run_id);

CREATE VIEW v_accuracy AS              -- one row a COMPLETE run whose test part was opened
SELECT dataset, protocol, folds, fold, seed, preset, variant, accuracy, f1_macro, f1_weighted, overlap_share, recipe_id, split_id, run_id
FROM v_runs WHERE status = 'COMPLETE' AND open_test = 1;

CREATE VIEW v_ablation AS              -- each ablation beside the whole network on the same split, fold, seed and settings; differences of shares
SELECT a.dataset, a.protocol, a.folds, a.fold, a.seed, a.preset, a.variant, a.accuracy, w.accuracy AS whole_accuracy,
       a.accuracy - w.accuracy AS accuracy_difference, a.f1_macro - w.f1_macro AS f1_macro_difference,
       a.recipe_id, w.recipe_id AS whole_recipe_id, a.run_id, w.run_id AS whole_run_id
FROM v_accuracy a
JOIN runs ra ON ra.run_id = a.run_id
JOIN v_accuracy w ON w.split_id = a.split_id AND w.fold = a.fold AND w.seed = a.seed AND w.preset = a.preset AND w.variant = 'stdual_x'
JOIN runs rw ON rw.run_id = w.run_id
WHERE a.variant <> 'stdual_x'
  -- Exactly one of the parts that an ablation removes differs, and nothing else does. A smaller weight removes nothing.
  AND ra.config ->> '$.training.triplet_weight' IN (0, rw.config ->> '$.training.triplet_weight')
  AND (ra.config ->> '$.model.stdat' <> rw.config ->> '$.model.stdat')
      + (ra.config ->> '$.model.cross_sensor_attention' <> rw.config ->> '$.model.cross_sensor_attention')
      + (ra.config ->> '$.model.temporal_attention' <> rw.config ->> '$.model.temporal_attention')
      + (ra.config ->> '$.model.channel_attention' <> rw.config ->> '$.model.channel_attention')
      + (ra.config ->> '$.model.convolution' <> rw.config ->> '$.model.convolution')
      + (ra.config ->> '$.model.position' <> rw.config ->> '$.model.position')
      + (ra.config ->> '$.training.triplet_weight' <> rw.config ->> '$.training.triplet_weight') = 1
  AND json_remove(ra.config, '$.variant', '$.model.stdat', '$.model.cross_sensor_attention', '$.model.temporal_attention',
                  '$.model.channel_attention', '$.model.convolution', '$.model.position', '$.training.triplet_weight')
      = json_remove(rw.config, '$.variant', '$.model.stdat', '$.model.cross_sensor_attention', '$.model.temporal_attention',
                    '$.model.channel_attention', '$.model.convolution', '$.model.position', '$.training.triplet_weight');

CREATE VIEW v_robustness AS            -- each number of the test part under a condition beside the clean one
SELECT r.dataset, r.protocol, r.folds, r.fold, r.seed, r.preset, r.variant, v.condition, v.metric, v.value, v.kind, c.value AS clean_value,
       v.value - c.value AS difference, r.recipe_id, r.run_id
FROM evaluations v
JOIN runs r USING (run_id)
JOIN evaluations c ON c.run_id = v.run_id AND c.condition = 'clean' AND c.part = v.part AND c.metric = v.metric
WHERE v.part = 'test' AND v.condition <> 'clean' AND r.status = 'COMPLETE';

CREATE VIEW v_timing AS                -- one row an epoch: where its time went, and where it ran
SELECT e.run_id, r.dataset, r.variant, r.preset, e.epoch, e.attempt, e.windows, e.compute_seconds, e.data_seconds, e.communication_seconds,
       e.wall_seconds - e.compute_seconds - e.data_seconds - e.communication_seconds AS other_seconds, e.wall_seconds,
       e.windows / nullif(e.wall_seconds, 0) AS windows_per_second, a.host, a.device, a.threads, a.world_size, a.platform, e.recorded_ms
FROM epochs e
JOIN runs r USING (run_id)
JOIN attempts a ON a.run_id = e.run_id AND a.attempt = e.attempt;

CREATE VIEW v_efficiency AS            -- what training costs, by recipe and device, over its recorded epochs
SELECT r.dataset, r.variant, r.preset, a.device, a.threads, a.world_size, count(DISTINCT e.run_id) AS runs, count(*) AS epochs,
       sum(e.windows) / nullif(sum(e.wall_seconds), 0) AS windows_per_second,
       sum(e.wall_seconds) / count(*) AS seconds_per_epoch,
       sum(e.communication_seconds) / nullif(sum(e.wall_seconds), 0) AS communication_share,
       sum(e.data_seconds) / nullif(sum(e.wall_seconds), 0) AS data_share, r.recipe_id
FROM epochs e
JOIN runs r USING (run_id)
JOIN attempts a ON a.run_id = e.run_id AND a.attempt = e.attempt
GROUP BY r.recipe_id, r.dataset, r.variant, r.preset, a.device, a.threads, a.world_size;
