-- What an ablation removes has settings (the triplet's margin, an attention's heads), which are put at their neutral values in it: they say
-- nothing of a network that lacks the part. Two configurations are a pair where they are equal but for one part with its settings, so that
-- one ablation stands beside the whole network at each point of a grid over them.

DROP VIEW v_ablation;
CREATE VIEW v_ablation AS              -- each ablation beside the network that has the part, on the same split, fold, seed and settings; differences of shares
WITH networks AS MATERIALIZED (        -- of STDual-X; a network of another architecture is a baseline, whatever it lacks
  SELECT config_id, json_remove(config, '$.variant') AS config,
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
JOIN runs rw ON rw.config_id = p.whole_config_id AND rw.split_id = ra.split_id AND rw.fold = ra.fold AND rw.seed = ra.seed
JOIN v_accuracy a ON a.run_id = ra.run_id
JOIN v_accuracy w ON w.run_id = rw.run_id
WHERE 'stdual_x' IN (a.variant, w.variant);
