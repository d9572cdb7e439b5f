-- Where windows come from, so that a stored prediction leads back to its recording; class names in the views of predictions.

CREATE TABLE cuts (                    -- a data set's recordings under one way of cutting windows
  cut    INTEGER PRIMARY KEY,
  cut_id TEXT NOT NULL UNIQUE,         -- of data set and windows
  rate   REAL NOT NULL                 -- samples a second
) STRICT;

CREATE TABLE cut_recordings (
  cut       INTEGER NOT NULL REFERENCES cuts (cut),
  recording INTEGER NOT NULL,          -- in the data set's order
  name      TEXT NOT NULL,             -- as its file calls it; its number where it has no name
  begin     REAL NOT NULL,             -- seconds from the first row of the recording of that name: long gaps split recordings
  PRIMARY KEY (cut, recording)
) STRICT, WITHOUT ROWID;

CREATE TABLE cut_windows (
  cut       INTEGER NOT NULL REFERENCES cuts (cut),
  window    INTEGER NOT NULL,          -- in the data set's window order, as in predictions
  recording INTEGER NOT NULL,
  start     INTEGER NOT NULL,          -- samples since the recording's beginning
  PRIMARY KEY (cut, window)
) STRICT, WITHOUT ROWID;

CREATE TABLE split_cuts (              -- which windows the runs of a split are on
  split_id TEXT PRIMARY KEY,
  cut      INTEGER NOT NULL REFERENCES cuts (cut)
) STRICT, WITHOUT ROWID;

DROP VIEW v_predictions;
CREATE VIEW v_predictions AS
SELECT e.run_id, e.condition, e.part, p.window, p.person, p.label, p.predicted,
       c.name AS recording, round(c.begin + w.start / k.rate, 6) AS start,
       coalesce(d.classes ->> ('$[' || p.label || ']'), 'class ' || p.label) AS class,
       coalesce(d.classes ->> ('$[' || p.predicted || ']'), 'class ' || p.predicted) AS predicted_class
FROM predictions p JOIN evaluation_parts e USING (evaluation_id)
LEFT JOIN runs r ON r.run_id = e.run_id
LEFT JOIN datasets d ON d.dataset_hash = r.dataset_hash
LEFT JOIN split_cuts s ON s.split_id = r.split_id
LEFT JOIN cuts k ON k.cut = s.cut
LEFT JOIN cut_windows w ON w.cut = s.cut AND w.window = p.window
LEFT JOIN cut_recordings c ON c.cut = w.cut AND c.recording = w.recording;

DROP VIEW v_confusion;
CREATE VIEW v_confusion AS
SELECT e.run_id, e.condition, e.part, c.label, c.predicted, c.windows,
       coalesce(d.classes ->> ('$[' || c.label || ']'), 'class ' || c.label) AS class,
       coalesce(d.classes ->> ('$[' || c.predicted || ']'), 'class ' || c.predicted) AS predicted_class
FROM confusion c JOIN evaluation_parts e USING (evaluation_id)
LEFT JOIN runs r ON r.run_id = e.run_id
LEFT JOIN datasets d ON d.dataset_hash = r.dataset_hash;
