// Splits and standardisation. See split.h.
#include "experiments/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "experiments/spec/random.h"

namespace stdualx {
namespace {

/// Items in an order drawn by their own numbers: an item's draw depends on the seed, the fold and the item alone.
std::vector<std::int64_t> drawn_order(std::vector<std::int64_t> items, const RandomStream& stream, std::int64_t fold) {
  std::vector<std::pair<std::uint64_t, std::int64_t>> keyed;
  keyed.reserve(items.size());
  for (const std::int64_t item : items) {
    const PhiloxCounter words = stream.words(static_cast<std::uint32_t>(fold), 0, static_cast<std::uint32_t>(item), 0);
    keyed.emplace_back((std::uint64_t{words[0]} << 32) | words[1], item);
  }
  std::sort(keyed.begin(), keyed.end());
  std::transform(keyed.begin(), keyed.end(), items.begin(), [](const auto& pair) { return pair.second; });
  return items;
}

std::vector<std::int64_t> people_of(const WindowSet& windows, std::span<const std::int64_t> indices) {
  std::set<std::int64_t> people;
  for (const std::int64_t index : indices) people.insert(windows.people()[static_cast<std::size_t>(index)]);
  return {people.begin(), people.end()};
}

std::vector<std::int64_t> without(const std::vector<std::int64_t>& all, const std::vector<std::int64_t>& taken) {
  std::vector<std::int64_t> rest;
  std::set_difference(all.begin(), all.end(), taken.begin(), taken.end(), std::back_inserter(rest));
  return rest;
}

std::string listed(const std::vector<std::int64_t>& numbers) {
  std::string text;
  for (const std::int64_t number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return text;
}

/// How many of `count` a share takes: rounded, at least one.
std::size_t share_of(double share, std::size_t count) {
  return static_cast<std::size_t>(std::max(1.0, std::round(share * static_cast<double>(count))));
}

/// The validation people among the training people, ascending.
std::vector<std::int64_t> validation_people(const std::vector<std::int64_t>& training, const ProtocolSpec& protocol, std::int64_t fold) {
  if (!protocol.validation) return {};
  std::vector<std::int64_t> people;
  if (!protocol.validation_people.empty()) {
    const std::set<std::int64_t> named(protocol.validation_people.begin(), protocol.validation_people.end());
    people.assign(named.begin(), named.end());
    for (const std::int64_t person : people)
      if (!std::binary_search(training.begin(), training.end(), person))
        throw InputError("/protocol/validation_people: person " + std::to_string(person) + " is no training person of fold " +
                         std::to_string(fold) + "; choose among " + listed(training));
  } else {
    const auto order = drawn_order(training, RandomStream(protocol.split_seed, "validation people"), fold);
    people.assign(order.begin(),
                  order.begin() + static_cast<std::ptrdiff_t>(std::min(share_of(protocol.validation_share, order.size()), order.size())));
    std::sort(people.begin(), people.end());
  }
  if (people.size() >= training.size())
    throw InputError(
        "/protocol: fold " + std::to_string(fold) + " has " + std::to_string(training.size()) + " training people and needs " +
        std::to_string(people.size()) +
        " of them for validation, which leaves nobody to train on; use fewer folds or validation people, or \"validation\": false");
  return people;
}

/// Parts by people: who is in `test` and `validation`; the others train.
Split split_people(const WindowSet& windows, const ProtocolSpec& protocol, std::int64_t fold, std::vector<std::int64_t> test_people) {
  Split split;
  const std::vector<std::int64_t> training = without(evaluated_people(windows), test_people);
  split.test_people = std::move(test_people);
  split.validation_people = validation_people(training, protocol, fold);
  split.train_people = without(training, split.validation_people);
  if (split.train_people.empty()) throw InputError("/protocol: fold " + std::to_string(fold) + " leaves nobody to train on");
  for (std::int64_t index = 0; index < windows.size(); ++index) {
    const std::int64_t person = windows.people()[static_cast<std::size_t>(index)];
    const auto is_among = [&](const std::vector<std::int64_t>& people) { return std::binary_search(people.begin(), people.end(), person); };
    if (is_among(split.train_people)) {
      if (windows.is_for_training(index)) split.train.push_back(index);
    } else if (windows.is_for_evaluation(index)) {
      (is_among(split.test_people) ? split.test : split.validation).push_back(index);
    }
  }
  return split;
}

/// Parts by the sessions of the publisher's challenge; sessions that it does not name are left out.
Split split_sessions(const WindowSet& windows, const ProtocolSpec& protocol) {
  if (!protocol.validation_people.empty())
    throw InputError("/protocol/validation_people: a challenge has people on both sides; leave the key out: its validation part is the "
                     "sessions that data set '" +
                     windows.info().name + "' names for it");
  const auto& [train, validation, test] = windows.info().challenge;
  const auto holds = [](const std::vector<std::string>& sessions, const std::string& session) {
    return std::find(sessions.begin(), sessions.end(), session) != sessions.end();
  };
  Split split;
  for (std::int64_t index = 0; index < windows.size(); ++index) {
    const auto recording = static_cast<std::size_t>(windows.recordings()[static_cast<std::size_t>(index)]);
    const std::string& session = windows.info().sessions[static_cast<std::size_t>(windows.recording_sessions()[recording])];
    const bool validates = protocol.validation && holds(validation, session);
    if (holds(test, session) || validates) {
      if (windows.is_for_evaluation(index)) (validates ? split.validation : split.test).push_back(index);
    } else if (holds(train, session) || holds(validation, session)) {
      if (windows.is_for_training(index)) split.train.push_back(index);
    }
  }
  if (split.train.empty() || split.test.empty() || (protocol.validation && split.validation.empty()))
    throw InputError("/protocol/kind: data set '" + windows.info().name +
                     "' has no window in a part of its challenge; use shorter windows, or leave_one_person_out");
  split.train_people = people_of(windows, split.train);
  split.validation_people = people_of(windows, split.validation);
  split.test_people = people_of(windows, split.test);
  return split;
}

std::int64_t session_of(const WindowSet& windows, std::int64_t index) {
  return windows.recording_sessions()[static_cast<std::size_t>(windows.recordings()[static_cast<std::size_t>(index)])];
}

/// Leaves out one session; the validation part is sessions, too.
Split split_one_session(const WindowSet& windows, const ProtocolSpec& protocol, std::int64_t fold) {
  if (!protocol.validation_people.empty())
    throw InputError("/protocol/validation_people: leave_one_session_out parts sessions, not people; leave it out");
  const std::vector<std::int64_t> sessions = evaluated_sessions(windows);
  const std::vector<std::int64_t> test{sessions[static_cast<std::size_t>(fold)]}, rest = without(sessions, test);
  std::vector<std::int64_t> validation;
  if (protocol.validation) {
    const auto order = drawn_order(rest, RandomStream(protocol.split_seed, "validation sessions"), fold);
    const std::size_t wanted = share_of(protocol.validation_share, order.size());
    if (wanted >= order.size())
      throw InputError("/protocol: fold " + std::to_string(fold) + " has " + std::to_string(order.size()) +
                       " training sessions and needs " + std::to_string(wanted) +
                       " of them for validation, which leaves none to train on; record more, or say \"validation\": false");
    validation.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(wanted));
  }
  Split split;
  for (std::int64_t index = 0; index < windows.size(); ++index) {
    const std::int64_t session = session_of(windows, index);
    const bool validates = std::find(validation.begin(), validation.end(), session) != validation.end();
    if (session == test[0] || validates) {
      if (windows.is_for_evaluation(index)) (validates ? split.validation : split.test).push_back(index);
    } else if (windows.is_for_training(index)) {
      split.train.push_back(index);
    }
  }
  split.train_people = people_of(windows, split.train);
  split.validation_people = people_of(windows, split.validation);
  split.test_people = people_of(windows, split.test);
  return split;
}

/// Windows by class, each class in a drawn order, one class after the other.
std::vector<std::int64_t> drawn_by_class(const WindowSet& windows, const std::vector<std::int64_t>& indices, const RandomStream& stream,
                                         std::int64_t fold) {
  std::map<std::int32_t, std::vector<std::int64_t>> classes;
  for (const std::int64_t index : indices) classes[windows.labels()[static_cast<std::size_t>(index)]].push_back(index);
  std::vector<std::int64_t> order;
  for (const auto& [label, members] : classes) {
    const auto drawn = drawn_order(members, stream, fold);
    order.insert(order.end(), drawn.begin(), drawn.end());
  }
  return order;
}

Split split_windows(const WindowSet& windows, const ProtocolSpec& protocol, std::int64_t fold, std::int64_t folds) {
  if (!protocol.validation_people.empty())
    throw InputError("/protocol/validation_people: a random split parts windows, not people; leave it out, or use leave_persons_out");
  if (windows.window_spec().training_stride != 0)
    throw InputError("/protocol/kind: a random split parts windows, and training windows at a stride of their own would share samples with "
                     "most test windows; leave /windows/training_stride out, or use leave_persons_out");
  Split split;
  std::vector<std::int64_t> all(static_cast<std::size_t>(windows.size())), training;
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  // Dealt like cards, on from one class to the next: both the classes' and the folds' sizes differ by at most one.
  const auto dealt = drawn_by_class(windows, all, RandomStream(protocol.split_seed, "folds of windows"), 0);
  for (std::size_t i = 0; i < dealt.size(); ++i) (static_cast<std::int64_t>(i) % folds == fold ? split.test : training).push_back(dealt[i]);
  std::sort(training.begin(), training.end());
  if (!protocol.validation) {
    split.train = std::move(training);
  } else {
    // Every 1/share-th of the windows ordered by class: each class gives its share to within one window.
    const auto order = drawn_by_class(windows, training, RandomStream(protocol.split_seed, "validation windows"), fold);
    const std::size_t wanted = share_of(protocol.validation_share, order.size());
    for (std::size_t i = 0; i < order.size(); ++i)
      ((i + 1) * wanted / order.size() > i * wanted / order.size() ? split.validation : split.train).push_back(order[i]);
  }
  for (auto* part : {&split.train, &split.validation, &split.test}) std::sort(part->begin(), part->end());
  if (split.train.empty() || split.test.empty())
    throw InputError("/protocol: " + std::to_string(windows.size()) + " windows are too few for " + std::to_string(folds) + " folds");
  split.train_people = people_of(windows, split.train);
  split.validation_people = people_of(windows, split.validation);
  split.test_people = people_of(windows, split.test);
  return split;
}

/// Share of `part` that shares a sample with a training window of the same recording, or with one that is shifted by up to `reach`.
double overlap_share(const WindowSet& windows, const std::vector<std::int64_t>& train, const std::vector<std::int64_t>& part,
                     std::int64_t reach) {
  if (part.empty()) return 0;
  std::map<std::int32_t, std::vector<std::int64_t>> starts; // of training windows, by recording
  for (const std::int64_t index : train)
    starts[windows.recordings()[static_cast<std::size_t>(index)]].push_back(windows.starts()[static_cast<std::size_t>(index)]);
  for (auto& [recording, list] : starts) std::sort(list.begin(), list.end());
  const std::int64_t apart = windows.window_spec().steps + reach; // starts so far apart share nothing
  std::int64_t overlapping = 0;
  for (const std::int64_t index : part) {
    const auto found = starts.find(windows.recordings()[static_cast<std::size_t>(index)]);
    if (found == starts.end()) continue;
    const std::int64_t start = windows.starts()[static_cast<std::size_t>(index)];
    const auto next = std::upper_bound(found->second.begin(), found->second.end(), start - apart);
    if (next != found->second.end() && *next < start + apart) ++overlapping;
  }
  return static_cast<double>(overlapping) / static_cast<double>(part.size());
}

} // namespace

std::vector<std::int64_t> evaluated_people(const WindowSet& windows) {
  std::set<std::int64_t> people;
  for (std::int64_t index = 0; index < windows.size(); ++index)
    if (windows.is_for_evaluation(index)) people.insert(windows.people()[static_cast<std::size_t>(index)]);
  return {people.begin(), people.end()};
}

std::vector<std::int64_t> evaluated_sessions(const WindowSet& windows) {
  std::set<std::int64_t> sessions;
  for (std::int64_t index = 0; index < windows.size() && !windows.recording_sessions().empty(); ++index)
    if (windows.is_for_evaluation(index)) sessions.insert(session_of(windows, index));
  return {sessions.begin(), sessions.end()};
}

std::int64_t fold_count(const WindowSet& windows, const ProtocolSpec& protocol) {
  const std::string& name = windows.info().name;
  if (protocol.kind == "official") {
    if (windows.info().official_test_people.empty())
      throw InputError("/protocol/kind: data set '" + name + "' has no official split; use leave_persons_out");
    return 1;
  }
  if (protocol.kind == "challenge") {
    if (windows.info().challenge == ChallengeSplit{})
      throw InputError("/protocol/kind: data set '" + name + "' has no challenge split; use leave_one_person_out");
    return 1;
  }
  const auto people = static_cast<std::int64_t>(evaluated_people(windows).size());
  if (protocol.kind == "leave_one_person_out") {
    if (protocol.folds != 0 && protocol.folds != people)
      throw InputError("/protocol/folds: data set '" + name + "' has " + std::to_string(people) + " people, so leave_one_person_out has " +
                       std::to_string(people) + " folds, found " + std::to_string(protocol.folds) + "; leave the key out");
    return people;
  }
  if (protocol.kind == "leave_one_session_out") {
    const auto sessions = static_cast<std::int64_t>(evaluated_sessions(windows).size());
    if (sessions < 2)
      throw InputError("/protocol/kind: data set '" + name + "' has " + (sessions == 0 ? "no sessions" : "one session only") +
                       "; name a /session_column in its manifest, or use leave_one_person_out");
    return sessions;
  }
  if (protocol.kind != "leave_persons_out" && protocol.kind != "random")
    throw InputError(
        "/protocol/kind: expected official, challenge, leave_one_person_out, leave_one_session_out, leave_persons_out or random, "
        "found '" +
        protocol.kind + "'");
  if (protocol.folds < 2)
    throw InputError("/protocol/folds: expected at least 2 folds for " + protocol.kind + ", found " + std::to_string(protocol.folds));
  if (protocol.kind == "leave_persons_out" && protocol.folds > people)
    throw InputError("/protocol/folds: data set '" + name + "' has " + std::to_string(people) + " people, too few for " +
                     std::to_string(protocol.folds) + " folds; use at most " + std::to_string(people));
  return protocol.folds;
}

Split make_split(const WindowSet& windows, const ProtocolSpec& protocol, std::int64_t fold, std::int64_t reach) {
  const std::int64_t folds = fold_count(windows, protocol);
  // A sweep's validation groups are numbered as folds of the one official split, each naming its validation people.
  const bool numbered_group = protocol.kind == "official" && !protocol.validation_people.empty();
  if (fold < 0 || (fold >= folds && !numbered_group))
    throw InputError("/fold: expected a fold from 0 to " + std::to_string(folds - 1) + ", found " + std::to_string(fold));
  Split split;
  if (protocol.kind == "random") {
    split = split_windows(windows, protocol, fold, folds);
  } else if (protocol.kind == "challenge") {
    split = split_sessions(windows, protocol);
  } else if (protocol.kind == "leave_one_session_out") {
    split = split_one_session(windows, protocol, fold);
  } else {
    const std::vector<std::int64_t> people = evaluated_people(windows);
    std::vector<std::int64_t> test_people;
    if (protocol.kind == "official") {
      std::vector<std::int64_t> official = windows.info().official_test_people;
      std::sort(official.begin(), official.end());
      std::set_intersection(people.begin(), people.end(), official.begin(), official.end(), std::back_inserter(test_people));
      if (test_people.empty())
        throw InputError("/protocol/kind: none of the official test people of data set '" + windows.info().name + "' has a window");
    } else if (protocol.kind == "leave_one_person_out") {
      test_people = {people[static_cast<std::size_t>(fold)]};
    } else {
      const auto order = drawn_order(people, RandomStream(protocol.split_seed, "folds of people"), 0);
      for (std::size_t i = 0; i < order.size(); ++i)
        if (static_cast<std::int64_t>(i) % folds == fold) test_people.push_back(order[i]);
      std::sort(test_people.begin(), test_people.end());
    }
    split = split_people(windows, protocol, fold, std::move(test_people));
  }
  if (split.train.empty())
    throw InputError("/protocol: fold " + std::to_string(fold) + " has no training window; choose a smaller /windows/training_stride");
  split.validation_overlap_share = overlap_share(windows, split.train, split.validation, reach);
  split.test_overlap_share = overlap_share(windows, split.train, split.test, reach);
  return split;
}

Standardisation standardise(const WindowSet& windows, std::span<const std::int64_t> train) {
  if (train.empty()) throw InputError("standardisation needs at least one training window");
  const WindowedSamples& source = windows.source();
  const auto row = static_cast<std::size_t>(source.sensors * source.channels), steps = static_cast<std::size_t>(source.steps);
  const double count = static_cast<double>(train.size()) * static_cast<double>(steps);
  // Two passes: the plain sum of squares loses the deviation of a channel that sits far from 0.
  const auto mean_of = [&](const auto& term) {
    std::vector<double> sums(row, 0.0);
    for (const std::int64_t index : train) {
      const float* value = source.samples.data() + static_cast<std::size_t>(source.begins[static_cast<std::size_t>(index)]) * row;
      for (std::size_t step = 0; step < steps; ++step)
        for (std::size_t entry = 0; entry < row; ++entry) sums[entry] += term(*value++, entry);
    }
    for (double& sum : sums) sum /= count;
    return sums;
  };
  const std::vector<double> mean = mean_of([](float value, std::size_t) { return static_cast<double>(value); });
  const std::vector<double> variance = mean_of([&](float value, std::size_t entry) {
    const double difference = static_cast<double>(value) - mean[entry];
    return difference * difference;
  });
  Standardisation result;
  for (std::size_t entry = 0; entry < mean.size(); ++entry) {
    const double deviation = std::sqrt(variance[entry]);
    // Below float32's resolution of the value itself a deviation is rounding, not movement.
    const bool constant = deviation <= 1e-7 * std::abs(mean[entry]);
    result.mean.push_back(static_cast<float>(mean[entry]));
    result.deviation.push_back(constant ? 1.0f : static_cast<float>(deviation));
  }
  return result;
}

} // namespace stdualx
