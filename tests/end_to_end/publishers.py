"""Tiny recordings in the formats of PAMAP2, Opportunity and UCI-HAR: made up, so that whole sweeps over them take seconds.

Each activity is a sine of its own frequency and height in every channel, with a little of the person in it.
"""
import math

PAMAP2_ACTIVITIES = (1, 4, 5, 12)
OPPORTUNITY = ((1, 406516), (2, 404516), (4, 408512), (5, 407521), (0, 0))  # way to move, gesture; 0: neither


def wave(activity, person, channel, step, rate):
    return math.sin(2 * math.pi * (0.5 + activity) * step / rate + channel) * (1 + 0.2 * person % 1) + 0.3 * activity


def numbers(activity, person, channels, step, rate):
    return [f"{wave(activity, person, channel, step, rate):.3f}" for channel in range(channels)]


def write_pamap2(folder, steps=1100):
    """Nine people; time, activity, heart rate, then 17 columns an IMU."""
    (folder / "Protocol").mkdir(parents=True)
    for person in range(9):
        with open(folder / f"Protocol/subject{101 + person}.dat", "w") as file:
            for index, activity in enumerate(PAMAP2_ACTIVITIES):
                for step in range(steps):
                    values = numbers(index, person, 9, step, 100)
                    imu = ["30.0", *values[:3], *values[:3], *values[3:9], "1", "0", "0", "0"]
                    file.write(" ".join([f"{(index * steps + step) / 100:.2f}", str(activity), "NaN", *imu, *imu, *imu]) + "\n")


def write_opportunity(folder, steps=60):
    """Four people, five runs of daily living and a drill each; 250 columns."""
    (folder / "dataset").mkdir(parents=True)
    for person in range(4):
        for run in ("ADL1", "ADL2", "ADL3", "ADL4", "ADL5", "Drill"):
            with open(folder / f"dataset/S{person + 1}-{run}.dat", "w") as file:
                for index, (locomotion, gesture) in enumerate(OPPORTUNITY):
                    for step in range(steps):
                        values = numbers(index, person, 8, step, 30)
                        columns = [values[column % 8] for column in range(242)]
                        labels = [str(locomotion), "0", "0", "0", "0", "0", str(gesture)]
                        file.write(" ".join([str(round((index * steps + step) * 1000 / 30)), *columns, *labels]) + "\n")


def write_uci_har(folder, people=12, test_people=5, windows=3):
    """Overlapping windows of 128 samples, one activity after another; the last people are the publisher's test people."""
    for part, members in (("train", range(1, people - test_people + 1)), ("test", range(people - test_people + 1, people + 1))):
        (folder / part / "Inertial Signals").mkdir(parents=True)
        rows = [(person, activity, 64 * window) for person in members for activity in range(6) for window in range(windows)]
        (folder / part / f"subject_{part}.txt").write_text("".join(f"{person}\n" for person, _, _ in rows))
        (folder / part / f"y_{part}.txt").write_text("".join(f"{activity + 1}\n" for _, activity, _ in rows))
        for sensor, name in enumerate(("body_acc", "body_gyro", "total_acc")):
            for axis in range(3):
                with open(folder / part / "Inertial Signals" / f"{name}_{'xyz'[axis]}_{part}.txt", "w") as file:
                    for person, activity, start in rows:
                        file.write(" ".join(f"{wave(activity, person, 3 * sensor + axis, start + step, 50): .5e}" for step in range(128)) + "\n")
