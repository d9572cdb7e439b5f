"""The training code against PyTorch, scikit-learn and NumPy.

usage: training_reference.py PROBE     (PROBE: the built tests/worker/training_probe.cpp)
Exit status 77, with the reason, where Python's torch or scikit-learn is missing and CI is not set.
"""

import json
import os
import subprocess
import sys
import unittest
import warnings

try:
    import numpy as np
    import scipy.spatial.transform
    import sklearn.metrics
    import torch
except ImportError as missing:
    print(f"training_reference: {missing}; install cluster/requirements-test.txt")
    sys.exit(1 if os.environ.get("CI") else 77)


def ask(about, **question):
    answer = subprocess.run([PROBE], input=json.dumps({"about": about, **question}), capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


def torch_one_cycle(config, steps):
    """The learning rate and beta1 of each step, from OneCycleLR on a real AdamW."""
    parameter = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.AdamW([parameter], betas=(config["momentum_high"], config["beta2"]))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=config["learning_rate"], total_steps=steps, pct_start=config["warmup"], anneal_strategy="cos",
        cycle_momentum=True, base_momentum=config["momentum_low"], max_momentum=config["momentum_high"], div_factor=25,
        final_div_factor=1e4, three_phase=False)
    points = []
    for step in range(steps):
        points.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"][0]))
        optimizer.step()
        if step + 1 < steps:
            schedule.step()
    return np.array(points)


CONFIG = {"learning_rate": 2e-3, "warmup": 0.2, "momentum_low": 0.85, "momentum_high": 0.95, "beta2": 0.999, "adam_epsilon": 1e-8,
          "weight_decay": 0.01, "clip_norm": 1.0, "ema_decay": 0.99}


class Training(unittest.TestCase):
    def test_schedule_is_one_cycle_lr(self):
        for warmup, steps in [(0.2, 1150), (0.2, 7), (0.3, 10), (0.0, 5), (0.9, 40), (0.5, 3)]:
            config = {**CONFIG, "warmup": warmup}
            ours = ask("schedule", config=config, steps=steps)
            theirs = torch_one_cycle(config, steps)
            np.testing.assert_allclose(ours["learning_rate"], theirs[:, 0], rtol=1e-12, atol=1e-18, err_msg=f"{warmup} {steps}")
            np.testing.assert_allclose(ours["momentum"], theirs[:, 1], rtol=1e-12)

    def test_optimiser_is_adamw_with_clipping_and_averages(self):
        rng = np.random.default_rng(1)
        size, decayed, steps = 40, 24, 30
        start = rng.normal(size=size)
        gradients = rng.normal(size=(steps, size)) * rng.choice([0.01, 1.0], size=(steps, 1))  # some below the clip, some above
        ours = ask("optimise", config=CONFIG, parameters=start.tolist(), decayed=decayed, gradients=gradients.tolist())
        weights = torch.nn.Parameter(torch.tensor(start[:decayed]))
        biases = torch.nn.Parameter(torch.tensor(start[decayed:]))
        optimizer = torch.optim.AdamW([{"params": [weights], "weight_decay": CONFIG["weight_decay"]},
                                       {"params": [biases], "weight_decay": 0.0}], betas=(0.9, CONFIG["beta2"]), eps=1e-8, foreach=False)
        average = start.copy()
        for step, (rate, momentum) in enumerate(torch_one_cycle(CONFIG, steps)):
            weights.grad = torch.tensor(gradients[step, :decayed])
            biases.grad = torch.tensor(gradients[step, decayed:])
            torch.nn.utils.clip_grad_norm_([weights, biases], CONFIG["clip_norm"])
            for group in optimizer.param_groups:
                group["lr"], group["betas"] = rate, (momentum, CONFIG["beta2"])
            optimizer.step()
            theirs = np.concatenate([weights.detach().numpy(), biases.detach().numpy()])
            decay = min(CONFIG["ema_decay"], (1 + step) / (10 + step))
            average = decay * average + (1 - decay) * theirs
            np.testing.assert_allclose(ours["parameters"][step], theirs, rtol=1e-11, atol=1e-13)
            np.testing.assert_allclose(ours["averages"][step], average, rtol=1e-11, atol=1e-13)

    def test_measures_are_scikit_learns(self):
        rng = np.random.default_rng(2)
        for classes, absent in [(6, []), (5, [2]), (3, [0, 1])]:
            labels = rng.choice([k for k in range(classes) if k not in absent], size=200)
            logits = rng.normal(size=(200, classes)) * 4
            if absent:
                logits[:, absent[0]] = -100.0  # never predicted either: left out of the macro mean
            ours = ask("measures", labels=labels.tolist(), logits=logits.ravel().tolist())
            predicted = logits.argmax(axis=1)
            exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
            probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = {
                    "accuracy": sklearn.metrics.accuracy_score(labels, predicted),
                    "f1_macro": sklearn.metrics.f1_score(labels, predicted, average="macro"),
                    "f1_weighted": sklearn.metrics.f1_score(labels, predicted, average="weighted"),
                    "log_loss": sklearn.metrics.log_loss(labels, probabilities, labels=range(classes)),
                }
            self.assertEqual(ours["predicted"], predicted.tolist())
            confusion = sklearn.metrics.confusion_matrix(labels, predicted, labels=range(classes))
            self.assertEqual(ours["confusion"], confusion.ravel().tolist())
            for name, value in expected.items():
                self.assertAlmostEqual(ours[name], value, places=12, msg=f"{name}, {classes} classes without {absent}")

    def test_a_sure_mistake_costs_what_scikit_learn_says(self):
        ours = ask("measures", labels=[0, 1], logits=[-500.0, 500.0, 0.0, 1.0])
        probabilities = np.array([[0.0, 1.0], [1 / (1 + np.e), np.e / (1 + np.e)]])
        self.assertAlmostEqual(ours["log_loss"], sklearn.metrics.log_loss([0, 1], probabilities), places=12)

    def test_silhouette_is_scikit_learns(self):
        rng = np.random.default_rng(4)
        for rows, width, labels in [(1300, 7, rng.integers(0, 5, 1300)), (40, 3, np.repeat([3, 1, 8, 9], [30, 5, 4, 1])),
                                    (6, 2, np.array([0, 0, 1, 1, 1, 2]))]:
            embedding = rng.normal(size=(rows, width)) + 0.7 * labels[:, None]
            embedding[1] = embedding[0]  # windows that are equal occur
            ours = ask("silhouette", embedding=embedding.ravel().tolist(), labels=labels.tolist())["silhouette"]
            self.assertAlmostEqual(ours, sklearn.metrics.silhouette_score(embedding, labels), places=10)
        # Far from 0 and close together, where a matrix product would lose the distances' digits.
        far = 1e4 + 1e-3 * rng.normal(size=(60, 4))
        labels = rng.integers(0, 3, 60)
        ours = ask("silhouette", embedding=far.ravel().tolist(), labels=labels.tolist())["silhouette"]
        self.assertAlmostEqual(ours, sklearn.metrics.silhouette_score(far - 1e4, labels), places=6)
        for labels in ([0, 0, 0], [0, 1, 2]):  # scikit-learn refuses these
            self.assertIsNone(ask("silhouette", embedding=[1.0, 2.0, 4.0], labels=labels)["silhouette"])

    def test_augmentation_is_warp_rotation_gain_jitter(self):
        rng = np.random.default_rng(3)
        sensors, steps, channels = 2, 50, 4
        own = [4, 3]  # the second sensor lacks the last channel
        window = rng.normal(size=(sensors, steps, channels)).astype(np.float32)
        window[1, :, 3] = 0
        mean = rng.normal(size=(sensors, channels)).astype(np.float32)
        deviation = rng.uniform(0.5, 2, size=(sensors, channels)).astype(np.float32)
        config = {"rotation_degrees": 30, "gain": 0.2, "time_warp": 0.2, "jitter": 0.1, "sensor_dropout": 0.2, "block_dropout": 0.5}
        shape = {"sensors": sensors, "steps": steps, "channels": channels, "classes": 2, "sensor_channels": own}
        reflected = 0
        for sample in range(16):
            by_sensor = sample % 2 == 1
            ours = ask("augment", config=config | {"rotation_by_sensor": by_sensor}, sample=sample, values=window.ravel().tolist(), triples=[[1], [0]],
                       mean=mean.ravel().tolist(), deviation=deviation.ravel().tolist(), shape=shape)
            last = steps - 1
            knots = np.interp(np.arange(steps), np.linspace(0, last, 6), ours["knots"])
            position = last / 2 + (np.arange(steps) - last / 2) * (1 + 0.2 * ours["speed"]) + 0.2 * (last / 5) * knots
            reflected += position.min() < 0 or position.max() > last
            position = np.where(position < 0, -position, position)
            position = np.where(position > last, 2 * last - position, position)
            expected = np.empty((sensors, steps, channels))
            for sensor in range(sensors):
                for channel in range(channels):
                    expected[sensor, :, channel] = np.interp(position, np.arange(steps), window[sensor, :, channel])

            self.assertEqual(len(ours["turns"]), sensors if by_sensor else 1)
            for sensor, first in ((0, 1), (1, 0)):
                turn = ours["turns"][sensor if by_sensor else 0]
                axis = np.array(turn["axis"]) / np.linalg.norm(turn["axis"])
                rotation = scipy.spatial.transform.Rotation.from_rotvec(np.radians(30 * turn["angle"]) * axis).as_matrix()
                expected[sensor, :, first:first + 3] = expected[sensor, :, first:first + 3] @ rotation.T

            expected *= 1 + 0.2 * np.array(ours["gain"])[:, None, None]
            expected += 0.1 * deviation[:, None, :] * np.array(ours["jitter"]).reshape(expected.shape)
            expected[1, :, 3] = 0
            np.testing.assert_allclose(np.reshape(ours["augmented"], expected.shape), expected, rtol=0, atol=2e-6)

            standardised = (expected - mean[:, None, :]) / deviation[:, None, :]
            standardised[1, :, 3] = 0
            for sensor, (first, count) in enumerate(ours["lost"]):
                standardised[sensor, first:first + count] = 0
            np.testing.assert_allclose(np.reshape(ours["read"], expected.shape), standardised, rtol=0, atol=5e-6)
        self.assertGreater(reflected, 0, "no draw reaches an end of the window: reflection was not tested")


if __name__ == "__main__":
    PROBE = sys.argv.pop(1)
    unittest.main()
