"""Writes seglearn's watch recordings (PyPI, BSD-3) as CSV with a manifest: watch_to_csv.py OUTPUT_FOLDER"""
import json
import pathlib
import sys
import sysconfig

import numpy

if len(sys.argv) != 2:
    sys.exit("usage: watch_to_csv.py OUTPUT_FOLDER")
source = pathlib.Path(sysconfig.get_path("purelib")) / "seglearn" / "data" / "watch_dataset.npy"
if not source.is_file():
    sys.exit(f"{source}: not found; run `cluster/bootstrap.sh demo` and use the Python in .venv/bin")
watch = numpy.load(source, allow_pickle=True).item()
columns = list(watch["X_labels"])
classes = list(watch["y_labels"])
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)

with open(folder / "watch.csv", "w", encoding="utf-8") as file:
    file.write(",".join(["person", "recording", "label", *columns]) + "\n")
    for index, series in enumerate(watch["X"]):
        start = f"{int(watch['subject'][index])},{index},{classes[int(watch['y'][index])]},"
        file.writelines(start + ",".join(map(repr, row)) + "\n" for row in series.tolist())

# The manifest comes last: where it lies, the CSV file is whole.
manifest = {
    "name": "watch",
    "rate": 50,
    "files": ["watch.csv"],
    "sensors": [
        {"name": "acceleration", "columns": columns[:3], "kinds": ["accelerometer"]},
        {"name": "gyroscope", "columns": columns[3:], "kinds": ["gyroscope"]},
    ],
    "person_column": "person",
    "recording_column": "recording",
    "label_column": "label",
    "classes": classes,
    "windows": {"steps": 128, "stride": 64, "label_threshold": 0.5},
    "citation": "Burns, Leung, Hardisty, Whyne, Henry and McLachlin: Shoulder physiotherapy exercise recognition: machine "
    "learning the inertial signals from a smartwatch, Physiological Measurement 39(7), 2018.",
    "obtain": "PyPI package seglearn (BSD-3), by experiments/datasets/watch_to_csv.py.",
}
(folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
