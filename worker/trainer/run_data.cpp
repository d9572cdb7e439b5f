// From an assignment to its windows.
#include "worker/trainer/run_data.h"

#include "experiments/corruption.h"
#include "experiments/split.h"

namespace stdualx {

std::shared_ptr<const AttemptData> open_run_data(const Assignment& assignment) {
  const RunSpec& run = assignment.run;
  struct Mapped {
    WindowSet windows;
    AttemptData data;
  };
  const auto mapped = std::make_shared<Mapped>(
      Mapped{open_window_set(assignment.dataset_source, run.windows, {assignment.data_directory, assignment.cache_directory}), {}});
  const WindowSet& set = mapped->windows;
  if (!run.dataset_hash.empty() && set.dataset_hash() != run.dataset_hash)
    throw InputError("the recordings of " + run.dataset + " on this host have hash " + set.dataset_hash() +
                     ", but the run was planned with " + run.dataset_hash + ": give every host the same files, or plan again");

  AttemptData& data = mapped->data;
  const Split split = make_split(set, run.protocol, run.fold, largest_shift(run.training.augmentation, set.window_spec().steps));
  const Standardisation standardisation = standardise(set, split.train);
  data.windows = {set.shape(), set.source(), set.labels(), {}, standardisation.mean, standardisation.deviation};
  data.windows.people = set.people();
  data.windows.triples.resize(static_cast<std::size_t>(set.shape().sensors));
  for (const ChannelTriple& triple : set.channel_triples())
    data.windows.triples[static_cast<std::size_t>(triple.sensor)].push_back(triple.first_channel);
  data.train = split.train;
  data.validation = split.validation;
  data.test = split.test;
  data.validation_overlap_share = split.validation_overlap_share;
  data.test_overlap_share = split.test_overlap_share;
  data.disturbed_test = [set, test = split.test](const Condition& condition, const TrainingWindows& windows, const StepObserver& observer) {
    return disturbed_windows(set, test, condition, {windows.mean, windows.deviation}, observer);
  };
  Json description = to_json_all(set.info());
  description.erase("people_names"); // weights files are handed on; who wore the sensors is not for all who get one
  data.description = description.dump();
  return {mapped, &mapped->data};
}

} // namespace stdualx
