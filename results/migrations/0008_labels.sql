-- Names of preset and variant, the number of a group of validation people and whether the test part is looked at decide no number: they are
-- labels, no part of a run's identity, and a run may bear others in each sweep. `runs` keeps those that the reports show.

ALTER TABLE sweep_runs ADD COLUMN preset TEXT; -- NULL: of before there were labels
ALTER TABLE sweep_runs ADD COLUMN variant TEXT;
ALTER TABLE sweep_runs ADD COLUMN fold INTEGER;

-- A run that was trained with its test part closed is opened by evaluating its weights, whoever writes that.
CREATE TRIGGER evaluation_parts_open_test AFTER INSERT ON evaluation_parts
WHEN NEW.part = 'test'
BEGIN UPDATE runs SET open_test = 1 WHERE run_id = NEW.run_id AND open_test = 0; END;

DROP VIEW v_ablation;
CREATE VIEW v_ablation AS              -- each ablation beside the network that has the part, on the same split, fold, seed and settings; differences of shares
WITH networks AS MATERIALIZED (        -- of STDual-X; a network of another architecture is a baseline, whatever it lacks
  SELECT config_id, json_remove(config, '$.variant', '$.preset', '$.protocol.open_test') AS config,
         config ->> '$.model.stdat' AND config ->> '$.model.cross_sensor_attention' AND config ->> '$.model.temporal_attention'
         AND config ->> '$.model.channel_attention' AND config ->> '$.model.convolution' AND config ->> '$.model.position'
         AND config ->> '$.training.triplet_weight' > 0 AS lacks_nothing
  FROM configs WHERE config ->> '$.model.architecture' = 'stdual_x'
), parts AS MATERIALIZED (             -- whether each has a part, and all else that it is
  SELECT config_id, lacks_nothing, 'stdat' AS part, config ->> '$.model.stdat' AS has_it,
         json_remove(config, '$.model.stdat', '$.model.stdat_layers', '$.model.temporal_attention', '$.model.channel_attention',
                     '$.model.convolution', '$.model.position', '$.model.vector_dropout', '$.model.temporal_heads',
                     '$.model.channel_heads', '$.model.convolution_units', '$.model.convolution_dropout', '$.model.gaussians',
                     '$.model.gaussian_sigma') AS rest FROM networks
  UNION ALL
  SELECT config_id, lacks_nothing, 'cross_sensor_attention' AS part, config ->> '$.model.cross_sensor_attention' AS has_it,
         json_remove(config, '$.model.cross_sensor_attention', '$.model.cross_sensor_heads', '$.model.attend_self') AS rest FROM networks
  UNION ALL
  SELECT config_id, lacks_nothing, 'temporal_attention' AS part, config ->> '$.model.temporal_attention' AS has_it,
         json_remove(config, '$.model.temporal_attention', '$.model.temporal_heads') AS rest FROM networks
  UNION ALL
  SELECT config_id, lacks_nothing, 'channel_attention' AS part, config ->> '$.model.channel_attention' AS has_it,
         json_remove(config, '$.model.channel_attention', '$.model.channel_heads') AS rest FROM networks
  UNION ALL
  SELECT config_id, lacks_nothing, 'convolution' AS part, config ->> '$.model.convolution' AS has_it,
         json_remove(config, '$.model.convolution', '$.model.convolution_units', '$.model.convolution_dropout') AS rest FROM networks
  UNION ALL
  SELECT config_id, lacks_nothing, 'position' AS part, config ->> '$.model.position' AS has_it,
         json_remove(config, '$.model.position', '$.model.gaussians', '$.model.gaussian_sigma') AS rest FROM networks
  UNION ALL
  SELECT config_id, lacks_nothing, 'triplet_weight' AS part, config ->> '$.training.triplet_weight' > 0 AS has_it,
         json_remove(config, '$.training.triplet_weight', '$.training.triplet_margin', '$.training.triplet_positives') AS rest FROM networks
), pairs AS MATERIALIZED (
  SELECT a.config_id, w.config_id AS whole_config_id, a.part, w.lacks_nothing
  FROM parts a JOIN parts w ON w.part = a.part AND w.rest = a.rest WHERE NOT a.has_it AND w.has_it
)
SELECT a.dataset, a.protocol, a.folds, a.fold, a.seed, a.preset, a.variant, a.accuracy, w.accuracy AS whole_accuracy,
       a.accuracy - w.accuracy AS accuracy_difference, a.f1_macro - w.f1_macro AS f1_macro_difference,
       a.recipe_id, w.recipe_id AS whole_recipe_id, a.run_id, w.run_id AS whole_run_id, p.part, w.variant AS whole_variant, p.lacks_nothing
FROM pairs p
JOIN runs ra ON ra.config_id = p.config_id
JOIN runs rw ON rw.config_id = p.whole_config_id AND rw.split_id = ra.split_id AND (rw.fold = ra.fold OR ra.folds = 0) AND rw.seed = ra.seed
JOIN v_accuracy a ON a.run_id = ra.run_id
JOIN v_accuracy w ON w.run_id = rw.run_id
WHERE 'stdual_x' IN (a.variant, w.variant);

DROP VIEW v_baseline;
CREATE VIEW v_baseline AS              -- each network of another architecture beside STDual-X on the same split, fold and seed; differences of shares
SELECT b.dataset, b.protocol, b.folds, b.fold, b.seed, b.preset, b.variant, cb.config ->> '$.model.architecture' AS architecture, b.accuracy,
       s.accuracy AS stdual_x_accuracy, b.accuracy - s.accuracy AS accuracy_difference, b.f1_macro - s.f1_macro AS f1_macro_difference,
       b.recipe_id, s.recipe_id AS stdual_x_recipe_id, b.run_id, s.run_id AS stdual_x_run_id
FROM v_accuracy b
JOIN runs rb ON rb.run_id = b.run_id
JOIN configs cb ON cb.config_id = rb.config_id AND cb.config ->> '$.model.architecture' <> 'stdual_x'
JOIN v_accuracy s ON s.split_id = b.split_id AND (s.fold = b.fold OR b.folds = 0) AND s.seed = b.seed AND s.variant = 'stdual_x';
