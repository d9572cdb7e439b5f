// The data of one assignment: window set, split and standardisation, as training sees them.
#pragma once

#include "experiments/spec/assignment.h"
#include "worker/attempt.h"

#include <memory>

namespace stdualx {

/// Opens the window set (building its cache where there is none), splits it and standardises by the training windows. Keeps
/// the set mapped. Throws InputError, also when the recordings are not those the run was planned with.
class RunData {
public:
  explicit RunData(const Assignment& assignment);
  ~RunData();
  const AttemptData& attempt_data() const { return data_; }

private:
  struct Mapped; // the window set
  const std::unique_ptr<Mapped> mapped_;
  AttemptData data_;
};

} // namespace stdualx
