// See durable_file.h.
#include "experiments/spec/durable_file.h"

#include "experiments/spec/disk_errors.h"
#include "experiments/spec/fault.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace stdualx {

namespace fs = std::filesystem;

namespace {
void sync(const fs::path& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
  if (descriptor < 0) throw_write_error(path, std::strerror(errno), errno);
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (error != 0) throw_write_error(path, std::strerror(error), error);
}

void pass(FaultPoint point, const fs::path& file) {
  if (const FaultyWrite fault = faulty_write(point); fault.error != 0) throw_write_error(file, std::strerror(fault.error), fault.error);
  else if (fault.torn) die_at_once();
}
} // namespace

std::int64_t free_bytes(const fs::path& path) {
  struct statvfs space {};
  fs::path folder = fs::absolute(path);
  std::error_code ignored;
  while (!fs::is_directory(folder, ignored) && folder.has_relative_path()) folder = folder.parent_path();
  if (::statvfs(folder.c_str(), &space) != 0) return -1;
  return static_cast<std::int64_t>(std::uint64_t{space.f_bavail} * space.f_frsize);
}

void throw_write_error(const fs::path& file, const std::string& reason, int error, const std::string& instead, const std::string& what) {
  const std::int64_t space = free_bytes(file.parent_path());
  std::string text = (what.empty() ? "cannot write " + file.string() : what) + ": " + reason + "; " +
                     (space < 0 ? "free space unknown" : std::to_string(space) + " bytes free to us on its file system");
  const std::string elsewhere = instead.empty() ? "" : " there, or " + instead;
  if (error == ENOSPC) text += "; make room" + elsewhere + ", then run again";
  if (error == EDQUOT)
    text += "; the quota of this user or project is used up (df does not show it): make room" + elsewhere + ", then run again";
  if (error == EROFS) text += "; the file system is read-only, ask whoever runs it, or " + instead + ", then run again";
  if (error == EACCES || error == EPERM)
    text += "; this user may not write there: ask whoever owns it (chmod g+w, where a group shares it), or " + instead;
  if (error == EIO) text += "; the device or the server failed, see to it (dmesg tells), then run again";
  if (error == ENOSPC || error == EDQUOT || error == EIO) throw DiskError(text);
  if (error == EACCES || error == EPERM) throw PermissionError(text);
  if (error == EROFS) throw ReadOnlyError(text);
  throw StorageError(text);
}

bool make_empty_file(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0 && errno == EEXIST) return false;
  if (descriptor < 0) throw_write_error(file, std::strerror(errno), errno);
  ::close(descriptor);
  return true;
}

void sync_folder(const fs::path& folder) { sync(folder, O_RDONLY | O_DIRECTORY); }

void write_durably(const fs::path& name, const std::function<void(const fs::path&)>& write) {
  const fs::path file = fs::absolute(name);
  const fs::path temporary = file.string() + temporary_suffix;
  std::error_code error;
  // Folders that are new must be synced into their parents, or the file's name is lost with them.
  std::vector<fs::path> new_folders;
  for (fs::path folder = file.parent_path(); !fs::exists(folder, error) && folder.has_relative_path(); folder = folder.parent_path())
    new_folders.push_back(folder);
  fs::create_directories(file.parent_path(), error);
  if (error) throw_write_error(file, error.message(), error.value());
  try {
    const FaultyWrite fault = faulty_write(FaultPoint::file_write);
    if (fault.error != 0) throw_write_error(file, std::strerror(fault.error), fault.error);
    write(temporary);
    if (fault.torn) {
      fs::resize_file(temporary, fs::file_size(temporary) / 2);
      die_at_once();
    }
    pass(FaultPoint::file_before_sync, file);
    sync(temporary, O_RDWR);
    pass(FaultPoint::file_before_rename, file);
    fs::rename(temporary, file, error);
    if (error) throw_write_error(file, error.message(), error.value());
  } catch (...) {
    fs::remove(temporary, error);
    throw;
  }
  pass(FaultPoint::file_after_rename, file);
  sync_folder(file.parent_path());
  for (const fs::path& folder : new_folders) sync_folder(folder.parent_path());
  fault_point(FaultPoint::file_after_folder_sync);
}

} // namespace stdualx
