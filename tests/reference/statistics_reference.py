"""Independent answers for tests/results/statistics_test.cpp, by SciPy and scikit-learn.

Reads a JSON file of cases, prints a JSON object of answers by the cases' names. What no library has (Nadeau and Bengio's
correction, the bootstrap's draws, Holm) is written here from the papers' formulas, in another way than in C++.
"""
import json
import sys

import numpy as np
from scipy import stats
from sklearn import metrics


def philox(counter, key):
    """Philox4x32-10 (Salmon et al., SC 2011) over arrays: counter [4, n], key [2]; returns [4, n]."""
    c = [np.asarray(word, dtype=np.uint64) for word in counter]
    k = [np.uint64(word) for word in key]
    mask = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ k[0], p1 & mask, (p0 >> np.uint64(32)) ^ c[3] ^ k[1], p0 & mask]
        k = [(k[0] + np.uint64(0x9E3779B9)) & mask, (k[1] + np.uint64(0xBB67AE85)) & mask]
    return np.stack(c)


def t_interval(case):
    values = np.array(case["values"])
    low, high = stats.t.interval(case["confidence"], len(values) - 1, loc=values.mean(), scale=stats.sem(values))
    return [values.mean(), low, high]


def corrected_interval(case):
    values = np.array(case["values"])
    scale = np.sqrt((1 / len(values) + case["ratio"]) * values.var(ddof=1))
    low, high = stats.t.interval(case["confidence"], len(values) - 1, loc=values.mean(), scale=scale)
    return [values.mean(), low, high]


def corrected_test(case):
    values = np.array(case["values"])
    # The plain t statistic, shrunk by what the correction adds to the variance.
    plain = stats.ttest_1samp(values, 0.0).statistic
    t = plain / np.sqrt(1 + len(values) * case["ratio"])
    return [t, 2 * stats.t.sf(abs(t), len(values) - 1)]


def bootstrap_draws(case, people):
    resamples = case["resamples"]
    i, b = np.meshgrid(np.arange(people), np.arange(resamples))
    zero = np.zeros(i.size, dtype=np.uint64)
    words = philox([zero, i.ravel(), b.ravel(), zero], case["key"])[0]
    return (words * np.uint64(people) >> np.uint64(32)).astype(int).reshape(resamples, people)


def bootstrap(case):
    hits, windows = np.array(case["hits"], dtype=float), np.array(case["windows"], dtype=float)
    drawn = bootstrap_draws(case, len(hits))
    values = hits[drawn].sum(axis=1) / windows[drawn].sum(axis=1)
    tail = (1 - case["confidence"]) / 2
    return [hits.sum() / windows.sum(), *np.quantile(values, [tail, 1 - tail])]


def paired_bootstrap(case):
    drawn = bootstrap_draws(case, len(case["first"]))
    first, second, windows = (np.array(case[key], dtype=float) for key in ("first", "second", "windows"))
    # Of each resample the difference of two accuracies, not the accuracy of differences.
    total = windows[drawn].sum(axis=1)
    values = first[drawn].sum(axis=1) / total - second[drawn].sum(axis=1) / total
    tail = (1 - case["confidence"]) / 2
    # Differences of equal sums are 0 up to rounding.
    sides = [np.sum(values <= 1e-12), np.sum(values >= -1e-12)]
    p = min(1.0, 2 * (1 + min(sides)) / (1 + len(values)))
    return [(first.sum() - second.sum()) / windows.sum(), *np.quantile(values, [tail, 1 - tail]), p]


def bootstrap_f1(case):
    labels, predicted, person = (np.array(case[key]) for key in ("labels", "predicted", "person"))
    rows = [np.flatnonzero(person == p) for p in range(person.max() + 1)]
    values = []
    for drawn in bootstrap_draws(case, len(rows)):
        chosen = np.concatenate([rows[p] for p in drawn])
        values.append(metrics.f1_score(labels[chosen], predicted[chosen], average="macro", zero_division=0))
    whole = metrics.f1_score(labels, predicted, average="macro", zero_division=0)
    tail = (1 - case["confidence"]) / 2
    return [whole, *np.quantile(values, [tail, 1 - tail])]


def wilcoxon(case):
    method = case["method"]
    result = stats.wilcoxon(case["values"], zero_method="wilcox", correction=False, method=method)
    return [result.statistic, result.pvalue]


def mcnemar(case):
    b, c = case["only_first"], case["only_second"]
    return [min(b, c), stats.binomtest(min(b, c), b + c, 0.5).pvalue if b + c else 1.0]


def holm(case):
    p = np.array(case["values"])
    # The smallest level at which each would be rejected: the running maximum of (m - rank) p over all smaller ones.
    return [min(1.0, max((len(p) - np.sum(p < q)) * q for q in p[p <= own])) for own in p]


def quantile(case):
    return float(np.quantile(case["values"], case["probability"]))


KINDS = {f.__name__: f for f in (t_interval, corrected_interval, corrected_test, bootstrap, paired_bootstrap, bootstrap_f1, wilcoxon, mcnemar, holm, quantile)}

if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        cases = json.load(file)
    json.dump({name: KINDS[case["kind"]](case) for name, case in cases.items()}, sys.stdout, default=float)
