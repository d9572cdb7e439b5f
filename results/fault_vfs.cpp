// A layer over SQLite's default file layer (https://www.sqlite.org/vfs.html) that hands everything on but what a fault point stops.
#include "results/fault_vfs.h"

#include <sqlite3.h>

#include <cerrno>
#include <exception>

#include "experiments/spec/fault.h"

namespace stdualx {

namespace {

struct FaultFile {
  sqlite3_file base; // what SQLite sees; the default layer's own file lies behind it
};
sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<sqlite3_file*>(reinterpret_cast<FaultFile*>(file) + 1); }
const sqlite3_io_methods& calls(sqlite3_file* file) { return *real(file)->pMethods; }

int code_of(int error, int otherwise) { return error == ENOSPC || error == EDQUOT ? SQLITE_FULL : otherwise; }

int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
  try {
    const FaultyWrite fault = faulty_write(FaultPoint::store_file_write);
    if (fault.error != 0) return code_of(fault.error, SQLITE_IOERR_WRITE);
    if (fault.torn) {
      calls(file).xWrite(real(file), bytes, count / 2, offset);
      die_at_once();
    }
  } catch (const std::exception&) { // none may pass through C
    return SQLITE_IOERR_WRITE;
  }
  return calls(file).xWrite(real(file), bytes, count, offset);
}
int sync(sqlite3_file* file, int flags) {
  try {
    const FaultyWrite fault = faulty_write(FaultPoint::store_file_sync);
    if (fault.error != 0) return code_of(fault.error, SQLITE_IOERR_FSYNC);
    if (fault.torn) die_at_once();
  } catch (const std::exception&) {
    return SQLITE_IOERR_FSYNC;
  }
  return calls(file).xSync(real(file), flags);
}

int close(sqlite3_file* file) { return calls(file).xClose(real(file)); }
int read(sqlite3_file* file, void* bytes, int count, sqlite3_int64 offset) { return calls(file).xRead(real(file), bytes, count, offset); }
int truncate(sqlite3_file* file, sqlite3_int64 size) { return calls(file).xTruncate(real(file), size); }
int file_size(sqlite3_file* file, sqlite3_int64* size) { return calls(file).xFileSize(real(file), size); }
int lock(sqlite3_file* file, int kind) { return calls(file).xLock(real(file), kind); }
int unlock(sqlite3_file* file, int kind) { return calls(file).xUnlock(real(file), kind); }
int check_reserved_lock(sqlite3_file* file, int* held) { return calls(file).xCheckReservedLock(real(file), held); }
int file_control(sqlite3_file* file, int what, void* argument) { return calls(file).xFileControl(real(file), what, argument); }
int sector_size(sqlite3_file* file) { return calls(file).xSectorSize(real(file)); }
int device_characteristics(sqlite3_file* file) { return calls(file).xDeviceCharacteristics(real(file)); }
int shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
  return calls(file).xShmMap(real(file), page, size, extend, memory);
}
int shm_lock(sqlite3_file* file, int offset, int count, int flags) { return calls(file).xShmLock(real(file), offset, count, flags); }
void shm_barrier(sqlite3_file* file) { calls(file).xShmBarrier(real(file)); }
int shm_unmap(sqlite3_file* file, int remove) { return calls(file).xShmUnmap(real(file), remove); }

// Version 2: WAL's shared memory; version 3 would be for mmap, which the store never uses.
constexpr sqlite3_io_methods methods = {2,
                                        close,
                                        read,
                                        write,
                                        truncate,
                                        sync,
                                        file_size,
                                        lock,
                                        unlock,
                                        check_reserved_lock,
                                        file_control,
                                        sector_size,
                                        device_characteristics,
                                        shm_map,
                                        shm_lock,
                                        shm_barrier,
                                        shm_unmap,
                                        nullptr,
                                        nullptr};

sqlite3_vfs* parent = nullptr; // SQLite asks for a layer that outlives every database, so both are for the whole process

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  file->pMethods = nullptr;
  const int code = parent->xOpen(parent, name, real(file), flags, flags_out);
  if (real(file)->pMethods != nullptr) file->pMethods = &methods;
  return code;
}

} // namespace

void put_faults_under_sqlite() {
  if (parent != nullptr || !(fault_is_set_at(FaultPoint::store_file_write) || fault_is_set_at(FaultPoint::store_file_sync))) return;
  parent = sqlite3_vfs_find(nullptr);
  static sqlite3_vfs layer = *parent; // its other calls need nothing of their own
  layer.szOsFile += static_cast<int>(sizeof(FaultFile));
  layer.zName = "stdualx-faults";
  layer.xOpen = open;
  sqlite3_vfs_register(&layer, 1);
}

} // namespace stdualx
