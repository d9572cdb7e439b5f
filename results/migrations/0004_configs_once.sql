-- A configuration is kept once and not with each of its runs: a row of `runs`, whose status changes twice a run, becomes a tenth as long,
-- and a sweep of many folds and seeds takes a tenth of the room.

CREATE TABLE configs (
  config_id INTEGER PRIMARY KEY,
  config    TEXT NOT NULL UNIQUE       -- JSON, the RunSpec without fold and seed
) STRICT;

DROP VIEW v_ablation;
DROP VIEW v_baseline;
ALTER TABLE runs ADD COLUMN config_id INTEGER REFERENCES configs (config_id);
INSERT INTO configs (config) SELECT DISTINCT json_remove(config, '$.fold', '$.seed') FROM runs;
UPDATE runs SET config_id = (SELECT c.config_id FROM configs c WHERE c.config = json_remove(runs.config, '$.fold', '$.seed'));
ALTER TABLE runs DROP COLUMN config;

CREATE VIEW v_configs AS               -- the whole RunSpec of each run
SELECT r.run_id, json_set(c.config, '$.fold', r.fold, '$.seed', r.seed) AS config FROM runs r JOIN configs c USING (config_id);

CREATE VIEW v_ablation AS              -- each ablation beside the whole network on the same split, fold, seed and settings; differences of shares
SELECT a.dataset, a.protocol, a.folds, a.fold, a.seed, a.preset, a.variant, a.accuracy, w.accuracy AS whole_accuracy,
       a.accuracy - w.accuracy AS accuracy_difference, a.f1_macro - w.f1_macro AS f1_macro_difference,
       a.recipe_id, w.recipe_id AS whole_recipe_id, a.run_id, w.run_id AS whole_run_id
FROM v_accuracy a
JOIN runs ra ON ra.run_id = a.run_id JOIN configs ca ON ca.config_id = ra.config_id
JOIN v_accuracy w ON w.split_id = a.split_id AND w.fold = a.fold AND w.seed = a.seed AND w.preset = a.preset AND w.variant = 'stdual_x'
JOIN runs rw ON rw.run_id = w.run_id JOIN configs cw ON cw.config_id = rw.config_id
WHERE a.variant <> 'stdual_x'
  -- A network of another architecture is a baseline, whatever it lacks.
  AND ca.config ->> '$.model.architecture' = 'stdual_x' AND cw.config ->> '$.model.architecture' = 'stdual_x'
  -- Exactly one of the parts that an ablation removes differs, it is the ablation that lacks it, and nothing else differs. A smaller
  -- weight removes nothing.
  AND ca.config ->> '$.training.triplet_weight' IN (0, cw.config ->> '$.training.triplet_weight')
  AND ca.config ->> '$.model.stdat' <= cw.config ->> '$.model.stdat'
  AND ca.config ->> '$.model.cross_sensor_attention' <= cw.config ->> '$.model.cross_sensor_attention'
  AND ca.config ->> '$.model.temporal_attention' <= cw.config ->> '$.model.temporal_attention'
  AND ca.config ->> '$.model.channel_attention' <= cw.config ->> '$.model.channel_attention'
  AND ca.config ->> '$.model.convolution' <= cw.config ->> '$.model.convolution'
  AND ca.config ->> '$.model.position' <= cw.config ->> '$.model.position'
  AND (ca.config ->> '$.model.stdat' <> cw.config ->> '$.model.stdat')
      + (ca.config ->> '$.model.cross_sensor_attention' <> cw.config ->> '$.model.cross_sensor_attention')
      + (ca.config ->> '$.model.temporal_attention' <> cw.config ->> '$.model.temporal_attention')
      + (ca.config ->> '$.model.channel_attention' <> cw.config ->> '$.model.channel_attention')
      + (ca.config ->> '$.model.convolution' <> cw.config ->> '$.model.convolution')
      + (ca.config ->> '$.model.position' <> cw.config ->> '$.model.position')
      + (ca.config ->> '$.training.triplet_weight' <> cw.config ->> '$.training.triplet_weight') = 1
  AND json_remove(ca.config, '$.variant', '$.model.stdat', '$.model.cross_sensor_attention', '$.model.temporal_attention',
                  '$.model.channel_attention', '$.model.convolution', '$.model.position', '$.training.triplet_weight')
      = json_remove(cw.config, '$.variant', '$.model.stdat', '$.model.cross_sensor_attention', '$.model.temporal_attention',
                    '$.model.channel_attention', '$.model.convolution', '$.model.position', '$.training.triplet_weight');

CREATE VIEW v_baseline AS              -- each network of another architecture beside STDual-X on the same split, fold and seed; differences of shares
SELECT b.dataset, b.protocol, b.folds, b.fold, b.seed, b.preset, b.variant, cb.config ->> '$.model.architecture' AS architecture, b.accuracy,
       s.accuracy AS stdual_x_accuracy, b.accuracy - s.accuracy AS accuracy_difference, b.f1_macro - s.f1_macro AS f1_macro_difference,
       b.recipe_id, s.recipe_id AS stdual_x_recipe_id, b.run_id, s.run_id AS stdual_x_run_id
FROM v_accuracy b
JOIN runs rb ON rb.run_id = b.run_id
JOIN configs cb ON cb.config_id = rb.config_id AND cb.config ->> '$.model.architecture' <> 'stdual_x'
JOIN v_accuracy s ON s.split_id = b.split_id AND s.fold = b.fold AND s.seed = b.seed AND s.preset = b.preset AND s.variant = 'stdual_x';
