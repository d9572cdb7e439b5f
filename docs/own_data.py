"""Writes the made-up recordings of docs/own_data.md: own_data.py FOLDER

Four people do squats and rows twice each, wearing three sensors that were recorded apart: a watch at 50 Hz (which the labels go with),
a belt at 25 Hz and an insole at 10 Hz.
"""
import math
import pathlib
import random
import sys

if len(sys.argv) != 2:
    sys.exit("usage: own_data.py FOLDER")
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
noise = random.Random(1)
STAGES = [("squat", 20), ("rest", 5), ("row", 20)]  # seconds
LENGTH = sum(seconds for _, seconds in STAGES)


def stage_at(time):
    for name, seconds in STAGES:
        if time < seconds:
            return name
        time -= seconds
    return STAGES[-1][0]


def value(person, time, channel):
    """Squats are slow and mostly up and down, rows fast and mostly to and fro; each person has a pace."""
    pace = 1 + 0.05 * person
    speed, size = {"squat": (3, 1.0), "row": (6, 0.6), "rest": (0, 0.0)}[stage_at(time)]
    return size * math.sin(speed * pace * time + channel) + noise.gauss(0, 0.1)


def write(name, rate, columns, labels):
    with open(folder / name, "w", encoding="utf-8") as file:
        file.write(",".join(["person", "set", *(["label"] if labels else []), *columns]) + "\n")
        for person in (1, 2, 3, 4):
            for number in (1, 2):
                for row in range(LENGTH * rate):
                    time = row / rate
                    numbers = [f"{value(person, time, channel):.4f}" for channel in range(len(columns))]
                    if name == "belt.csv" and row % 100 == 50:
                        numbers = ["" for _ in numbers]  # a lost packet
                    file.write(",".join([str(person), str(number), *([stage_at(time)] if labels else []), *numbers]) + "\n")


write("watch.csv", 50, ["ax", "ay", "az", "gx", "gy", "gz"], labels=True)
write("belt.csv", 25, ["x", "y", "z"], labels=False)
write("insole.csv", 10, ["heel", "toe"], labels=False)
