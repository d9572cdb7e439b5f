"""What scikit-learn's logistic regression makes of the linear baseline's features, on UCI-HAR's four groups of validation people.

usage: linear_classifier.py "UCI HAR Dataset.zip" [C...]     (C: the inverse strengths of its penalty to try; 1 unless said)
Prints accuracies by group and their mean. The publisher's test part is not read. A measurement beside experiments/measured, not a test.
"""
import io
import sys
import zipfile

import numpy
import sklearn.linear_model

from baselines import window_features

GROUPS = [[3, 15, 19, 22, 30], [11, 17, 23, 28, 29], [5, 7, 8, 16, 26], [1, 6, 14, 21, 25, 27]]  # experiments/sweeps/uci_har_official.json


def read(path):
    """-> windows [N, 128, 9], labels, people of the publisher's training part."""
    with zipfile.ZipFile(path) as archive:
        member = {name.split("/train/")[-1]: name for name in archive.namelist() if "/train/" in name}
        table = lambda name: numpy.loadtxt(io.BytesIO(archive.read(member[name])))
        signals = [table(f"Inertial Signals/{sensor}_{axis}_train.txt") for sensor in ("body_acc", "body_gyro", "total_acc") for axis in "xyz"]
        return numpy.stack(signals, 2), table("y_train.txt").astype(int), table("subject_train.txt").astype(int)


def main():
    windows, labels, people = read(sys.argv[1])
    strengths = [float(text) for text in sys.argv[2:]] or [1.0]
    accuracies = {strength: [] for strength in strengths}
    for group in GROUPS:
        validation = numpy.isin(people, group)
        train = ~validation
        features = window_features((windows - windows[train].mean((0, 1))) / windows[train].std((0, 1)))
        features = (features - features[train].mean(0)) / features[train].std(0)
        for strength in strengths:
            classifier = sklearn.linear_model.LogisticRegression(C=strength, max_iter=1000).fit(features[train], labels[train])
            accuracies[strength].append(100 * classifier.score(features[validation], labels[validation]))
    print(f"{features.shape[1]} features")
    for strength, values in accuracies.items():
        print(f"C = {strength:g}: " + ", ".join(f"{value:.2f}" for value in values) + f"; mean {numpy.mean(values):.2f} %")


if __name__ == "__main__":
    main()
