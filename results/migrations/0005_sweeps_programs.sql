-- Which sweep was run last and which were given up; what program made an attempt; and classes that a training part hardly knows.

ALTER TABLE sweeps ADD COLUMN coordinator_id INTEGER REFERENCES coordinators (coordinator_id); -- the last that ran it
ALTER TABLE sweeps ADD COLUMN retired_ms INTEGER; -- since then its open runs count no longer (`retire`); NULL: they do

CREATE TABLE programs (                -- builds of coordinator and trainer that worked together
  program_id      INTEGER PRIMARY KEY,
  version         TEXT NOT NULL,       -- of stdualx
  git_commit      TEXT NOT NULL,       -- '': not known when it was built
  sha256          TEXT NOT NULL,       -- of its executable
  trainer_version TEXT NOT NULL,       -- as the trainer says itself, on the host where it ran; '': it did not
  trainer_commit  TEXT NOT NULL,
  trainer_sha256  TEXT NOT NULL,
  UNIQUE (version, git_commit, sha256, trainer_version, trainer_commit, trainer_sha256)
) STRICT;
ALTER TABLE attempts ADD COLUMN program_id INTEGER REFERENCES programs (program_id); -- NULL: of a version that did not say

-- An attempt at a COMPLETE run (evaluate_only) whose weights are gone: it trains the run again first, from the same seed to the same bits.
-- The run stays COMPLETE, and its recorded numbers stand.
ALTER TABLE attempts ADD COLUMN trains_again INTEGER NOT NULL DEFAULT 0 CHECK (trains_again IN (0, 1));

CREATE TABLE thin_classes (            -- classes that nobody in the training part of a fold did, or one person alone
  split_id TEXT NOT NULL,
  fold     INTEGER NOT NULL,
  label    INTEGER NOT NULL,
  person   INTEGER,                    -- who alone did it; NULL: nobody
  tested   TEXT NOT NULL,              -- JSON list of the people whose test part holds it
  PRIMARY KEY (split_id, fold, label)
) STRICT, WITHOUT ROWID;

CREATE VIEW v_given_up AS              -- runs that are not done, and that no sweep asks for any more
SELECT r.run_id FROM runs r
WHERE r.status NOT IN ('COMPLETE', 'RUNNING')
  AND EXISTS (SELECT 1 FROM sweep_runs x WHERE x.run_id = r.run_id)
  AND NOT EXISTS (SELECT 1 FROM sweep_runs x JOIN sweeps s USING (sweep_id) WHERE x.run_id = r.run_id AND s.retired_ms IS NULL);
