-- An ablation is told by which side has the part, not by the variants' names: a grid over a part, or a variant of one's own that has a part
-- which `stdual_x` was told to leave out, were not seen. New columns: the part, the other side's variant, whether that one lacks nothing.

DROP VIEW v_ablation;
CREATE VIEW v_ablation AS              -- each ablation beside the network that has the part, on the same split, fold, seed and settings; differences of shares
WITH parts AS MATERIALIZED (           -- of each configuration of STDual-X; a network of another architecture is a baseline, whatever it lacks
  SELECT config_id,
         config ->> '$.model.stdat' AS stdat,
         config ->> '$.model.cross_sensor_attention' AS cross_sensor_attention,
         config ->> '$.model.temporal_attention' AS temporal_attention,
         config ->> '$.model.channel_attention' AS channel_attention,
         config ->> '$.model.convolution' AS convolution,
         config ->> '$.model.position' AS position,
         config ->> '$.training.triplet_weight' AS triplet_weight,
         json_remove(config, '$.variant', '$.model.stdat', '$.model.cross_sensor_attention', '$.model.temporal_attention', '$.model.channel_attention', '$.model.convolution', '$.model.position', '$.training.triplet_weight') AS rest
  FROM configs WHERE config ->> '$.model.architecture' = 'stdual_x'
), pairs AS MATERIALIZED (             -- that differ in one part and in nothing else; a smaller weight removes nothing
  SELECT a.config_id, w.config_id AS whole_config_id,
         CASE WHEN a.stdat <> w.stdat THEN 'stdat'
              WHEN a.cross_sensor_attention <> w.cross_sensor_attention THEN 'cross_sensor_attention'
              WHEN a.temporal_attention <> w.temporal_attention THEN 'temporal_attention'
              WHEN a.channel_attention <> w.channel_attention THEN 'channel_attention'
              WHEN a.convolution <> w.convolution THEN 'convolution'
              WHEN a.position <> w.position THEN 'position'
              WHEN a.triplet_weight <> w.triplet_weight THEN 'triplet_weight' END AS part,
         w.stdat AND w.cross_sensor_attention AND w.temporal_attention AND w.channel_attention AND w.convolution AND w.position AND w.triplet_weight > 0 AS lacks_nothing
  FROM parts a JOIN parts w ON w.rest = a.rest
  WHERE a.stdat <= w.stdat
    AND a.cross_sensor_attention <= w.cross_sensor_attention
    AND a.temporal_attention <= w.temporal_attention
    AND a.channel_attention <= w.channel_attention
    AND a.convolution <= w.convolution
    AND a.position <= w.position
    AND a.triplet_weight IN (0, w.triplet_weight)
    AND (a.stdat <> w.stdat)
        + (a.cross_sensor_attention <> w.cross_sensor_attention)
        + (a.temporal_attention <> w.temporal_attention)
        + (a.channel_attention <> w.channel_attention)
        + (a.convolution <> w.convolution)
        + (a.position <> w.position)
        + (a.triplet_weight <> w.triplet_weight) = 1
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
