// Why a file cannot be written, as far as it decides what a person is to do.
#pragma once

#include "experiments/spec/errors.h"

namespace stdualx {

/// A disk or a quota is full, or a device or server failed: what is recorded stands, and the same command goes on once that is mended (75).
class DiskError : public StorageError {
public:
  using StorageError::StorageError;
};

/// We may not write (or read) there: the same command would meet the same again (4).
class PermissionError : public StorageError {
public:
  using StorageError::StorageError;
};
/// How the detail of an attempt begins that ended for one, with the reason `storage`.
inline constexpr const char* not_permitted = "not permitted: ";

/// The file system is read-only. At a start this is as a missing permission; under a running job its disk failed.
class ReadOnlyError : public StorageError {
public:
  using StorageError::StorageError;
};

} // namespace stdualx
