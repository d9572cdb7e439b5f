"""Independent answers for tests/results/statistics_test.cpp, by SciPy and NumPy.

Reads a JSON file of cases, prints a JSON object of answers by the cases' names. What no library has (Nadeau and Bengio's
correction, crossed effects, Holm) is written here from the papers' formulas, in another way than in C++.
"""
import json
import sys

import numpy as np
from scipy import special, stats


def mean_and_error(case):
    """Mean, variance of the mean and degrees of freedom of a table of units by seeds (null: not there), by least squares."""
    table = np.array(case["scores"], dtype=float)
    units = np.nanmean(table, axis=1)
    k = len(units)
    # Nadeau and Bengio: as many independent values as the corrected factor is worth.
    from_units = stats.sem(units) ** 2 * (1 + k * case["ratio"])
    whole = table[:, ~np.isnan(table).any(axis=0)]
    m = whole.shape[1]
    if m < 2:
        return units.mean(), from_units, k - 1
    unit, seed = (indicator.ravel() for indicator in np.indices(whole.shape))
    dummies = [np.eye(k)[unit], np.eye(m)[seed][:, 1:]]

    def left_over(design):
        return np.linalg.lstsq(design, whole.ravel(), rcond=None)[1].sum() if np.ptp(whole) else 0.0

    without, both = left_over(dummies[0]), left_over(np.hstack(dummies))
    of_seeds, rest = (without - both) / (m - 1), both / ((k - 1) * (m - 1))
    if of_seeds <= rest:
        return units.mean(), from_units, k - 1
    variance = from_units + (of_seeds - rest) / (k * m)
    parts = [from_units, of_seeds / (k * m)]
    degrees = variance ** 2 / (parts[0] ** 2 / (k - 1) + parts[1] ** 2 / (m - 1))
    return units.mean(), variance, max(degrees, min(k, m) - 1)


def crossed_difference(case):
    center, variance, degrees = mean_and_error(case)
    scale = np.sqrt(variance)
    low, high = stats.t.interval(case["confidence"], degrees, loc=center, scale=scale)
    t = center / scale
    return [variance, degrees, max(low, -1), min(high, 1), t, 2 * stats.t.sf(abs(t), degrees)]


def plain_difference(case):
    """One seed and no shared training data: SciPy has it all."""
    test = stats.ttest_1samp(np.ravel(case["scores"]), 0.0)
    low, high = test.confidence_interval(case["confidence"])
    return [stats.sem(np.ravel(case["scores"])) ** 2, test.df, low, high, test.statistic, test.pvalue]


def logit_share(case):
    center, variance, degrees = mean_and_error(case)
    lowest, highest = case["bounds"]
    share = stats.uniform.cdf(center, lowest, highest - lowest)
    # The delta method: the logit's slope by a difference.
    step = 1e-6
    slope = (special.logit(share + step) - special.logit(share - step)) / (2 * step) / (highest - lowest)
    reach = stats.t.ppf((1 + case["confidence"]) / 2, degrees) * np.sqrt(variance) * slope
    return [center, *(lowest + (highest - lowest) * special.expit(special.logit(share) + side * reach) for side in (-1, 1))]


def ratio(case):
    """The spread of hits / windows over people: each one's influence is the ratio's slope by that person's weight (complex step)."""
    hits, windows = np.array(case["hits"], dtype=float), np.array(case["windows"], dtype=float)
    people, seeds = hits.shape
    influence = np.full(hits.shape, np.nan)
    for person, seed in np.ndindex(hits.shape):
        if windows[person, seed] == 0:
            continue
        weights = np.ones(people, dtype=complex)
        weights[person] += 1e-20j
        influence[person, seed] = people * ((weights @ hits[:, seed]) / (weights @ windows[:, seed])).imag / 1e-20
    # Seeds differ in their ratios too.
    influence += hits.sum(axis=0) / windows.sum(axis=0) * (windows * people / windows.sum(axis=0))
    overall = np.mean(hits.sum(axis=0) / windows.sum(axis=0))
    influence -= overall * windows * people / windows.sum(axis=0)
    _, variance, degrees = mean_and_error({"scores": influence, "ratio": 0})
    return [variance, degrees]


def positive(case):
    logs = np.log(case["values"])
    return list(np.exp([logs.mean(), *stats.t.interval(case["confidence"], len(logs) - 1, loc=logs.mean(), scale=stats.sem(logs))]))


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


KINDS = {f.__name__: f for f in (crossed_difference, plain_difference, logit_share, ratio, positive, wilcoxon, mcnemar, holm, quantile)}

if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        cases = json.load(file)
    json.dump({name: KINDS[case["kind"]](case) for name, case in cases.items()}, sys.stdout, default=float)
