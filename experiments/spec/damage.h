// Damage: what was found in a file of ours is not what was written there. Apart from other storage errors, since nothing but a
// copy or a repair helps, and whoever starts commands by script wants to know it.
#pragma once

#include "experiments/spec/errors.h"

namespace stdualx {

/// The content of a store, a checkpoint or weights is not what was written: SQLite calls the file corrupt, or its SHA-256 is another.
class DamagedError : public StorageError {
public:
  using StorageError::StorageError;
};

} // namespace stdualx
