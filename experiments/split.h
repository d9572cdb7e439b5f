// Parts a window set into training, validation and test windows, and standardises by the training windows alone.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/windows.h"

namespace stdualx {

/// Indices of windows, each list ascending; no window is in two lists.
struct Split {
  std::vector<std::int64_t> train, validation, test;
  double validation_overlap_share = 0; // share of the validation windows that overlap a training window in time
  double test_overlap_share = 0;       // of the test windows: above 0 the test figure is flattered
  std::vector<std::int64_t> train_people, validation_people, test_people; // ascending; of `random` people are in several
};

/// How many folds a protocol has on this data: 1 of `official` and `challenge`, a person each of `leave_one_person_out`, a session each of
/// `leave_one_session_out`, else `protocol.folds`. InputError: a protocol that the data set cannot serve (no official test people, no
/// challenge, more folds than people, fewer than two folds).
std::int64_t fold_count(const WindowSet& windows, const ProtocolSpec& protocol);

/// The people that folds are made of, ascending: who has a window to be evaluated by. Whom a training stride alone gives windows is left
/// out, so that the folds are the same whatever it is.
std::vector<std::int64_t> evaluated_people(const WindowSet& windows);

/// The sessions that have a window to be evaluated by, by their number in the data set, ascending; none where they are not told apart.
std::vector<std::int64_t> evaluated_sessions(const WindowSet& windows);

/// Fold `fold` of a protocol; a pure function of its arguments. `official`: the publisher's test people; where
/// the validation people are named, any fold from 0 on (it numbers a sweep's validation groups).
/// `challenge`: the publisher's test sessions; the validation part is the sessions that the data set names for it, never drawn, since
/// people are on both sides. `leave_one_person_out`: fold i tests the i-th person in ascending order. `leave_one_session_out`: fold i tests
/// the i-th session, validation sessions are drawn from the others, and people may be on all sides. `leave_persons_out`: people dealt into
/// folds that differ by at most one person. `random`: windows of each class dealt into folds, so that neighbours which share samples lie on
/// both sides. The validation part is drawn from the training people
/// (`random`: by class from the training windows), at least one; `open_test` is the caller's business.
/// With a training stride, `train` holds windows at that stride and the other parts windows at `stride`; `random` refuses it, since the
/// two cuts share samples. `reach`: samples by which training shifts windows, which then overlap what lies so far beside them.
/// InputError: fold out of range, named people who are no training people, nobody left to train on, no training window.
Split make_split(const WindowSet& windows, const ProtocolSpec& protocol, std::int64_t fold, std::int64_t reach = 0);

/// Mean and standard deviation (over all samples, divisor n) by sensor and channel. A constant or padded channel has
/// deviation 1, so that dividing is always safe.
struct Standardisation {
  std::vector<float> mean, deviation; // [sensors, channels]
};

/// From the windows `train` alone, accumulated in double, in order.
Standardisation standardise(const WindowSet& windows, std::span<const std::int64_t> train);

} // namespace stdualx
