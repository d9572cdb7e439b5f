-- Which Slurm job each coordinator was part of, and what had been submitted; and an ablation is the side that lacks the part.

CREATE TABLE slurm_jobs (              -- one row a try: Slurm may start a job again
  coordinator_id INTEGER PRIMARY KEY REFERENCES coordinators (coordinator_id),
  job_id         TEXT NOT NULL,
  restarts       INTEGER NOT NULL,     -- how often Slurm had started it before
  nodes          TEXT NOT NULL,        -- its nodes, as Slurm lists them
  script         TEXT NOT NULL,        -- the batch script
  script_sha256  TEXT NOT NULL,
  submission     TEXT NOT NULL         -- JSON: what was frozen (identities of the sweep and its runs, hashes of programs and recordings)
) STRICT;

DROP VIEW v_ablation;
CREATE VIEW v_ablation AS              -- each ablation beside the whole network on the same split, fold, seed and settings; differences of shares
SELECT a.dataset, a.protocol, a.folds, a.fold, a.seed, a.preset, a.variant, a.accuracy, w.accuracy AS whole_accuracy,
       a.accuracy - w.accuracy AS accuracy_difference, a.f1_macro - w.f1_macro AS f1_macro_difference,
       a.recipe_id, w.recipe_id AS whole_recipe_id, a.run_id, w.run_id AS whole_run_id
FROM v_accuracy a
JOIN runs ra ON ra.run_id = a.run_id
JOIN v_accuracy w ON w.split_id = a.split_id AND w.fold = a.fold AND w.seed = a.seed AND w.preset = a.preset AND w.variant = 'stdual_x'
JOIN runs rw ON rw.run_id = w.run_id
WHERE a.variant <> 'stdual_x'
  -- A network of another architecture is a baseline, whatever it lacks.
  AND ra.config ->> '$.model.architecture' = 'stdual_x' AND rw.config ->> '$.model.architecture' = 'stdual_x'
  -- Exactly one of the parts that an ablation removes differs, it is the ablation that lacks it, and nothing else differs. A smaller
  -- weight removes nothing.
  AND ra.config ->> '$.training.triplet_weight' IN (0, rw.config ->> '$.training.triplet_weight')
  AND ra.config ->> '$.model.stdat' <= rw.config ->> '$.model.stdat'
  AND ra.config ->> '$.model.cross_sensor_attention' <= rw.config ->> '$.model.cross_sensor_attention'
  AND ra.config ->> '$.model.temporal_attention' <= rw.config ->> '$.model.temporal_attention'
  AND ra.config ->> '$.model.channel_attention' <= rw.config ->> '$.model.channel_attention'
  AND ra.config ->> '$.model.convolution' <= rw.config ->> '$.model.convolution'
  AND ra.config ->> '$.model.position' <= rw.config ->> '$.model.position'
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
