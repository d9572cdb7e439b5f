// A quota for the tests, preloaded: below the folder QUOTA_PATH each write, new file and new folder takes one from the number in the file
// QUOTA_LEFT; when it is used up, all fail with EDQUOT.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name, ...)                                                                                                                    \
  static __typeof__(&name) real;                                                                                                           \
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, #name);                                                                                     \
  return real(__VA_ARGS__)

static int used_up(const char* path) {
  const char* folder = getenv("QUOTA_PATH");
  const char* left = getenv("QUOTA_LEFT");
  if (!folder || !left || !path || strncmp(path, folder, strlen(folder)) != 0) return 0;
  static int (*real_open)(const char*, int, ...);
  static ssize_t (*real_pwrite)(int, const void*, size_t, off_t);
  if (!real_open) *(void**)&real_open = dlsym(RTLD_NEXT, "open");
  if (!real_pwrite) *(void**)&real_pwrite = dlsym(RTLD_NEXT, "pwrite");
  int file = real_open(left, O_RDWR | O_CLOEXEC);
  if (file < 0) return 0;
  struct flock lock = {.l_type = F_WRLCK};
  fcntl(file, F_OFD_SETLKW, &lock);
  char text[32] = {0};
  if (pread(file, text, sizeof text - 1, 0) < 0) text[0] = '0';
  const long number = atol(text) - 1;
  const int length = snprintf(text, sizeof text, "%-20ld", number);
  real_pwrite(file, text, (size_t)length, 0);
  close(file);
  if (number >= 0) return 0;
  errno = EDQUOT;
  return 1;
}

static int used_up_behind(int descriptor) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0 || path[0] != '/') return 0;
  path[length] = 0;
  return used_up(path);
}

ssize_t write(int descriptor, const void* bytes, size_t count) {
  if (used_up_behind(descriptor)) return -1;
  REAL(write, descriptor, bytes, count);
}
ssize_t writev(int descriptor, const struct iovec* pieces, int count) {
  if (used_up_behind(descriptor)) return -1;
  REAL(writev, descriptor, pieces, count);
}
ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t at) {
  if (used_up_behind(descriptor)) return -1;
  REAL(pwrite, descriptor, bytes, count, at);
}
ssize_t pwrite64(int descriptor, const void* bytes, size_t count, off64_t at) {
  if (used_up_behind(descriptor)) return -1;
  REAL(pwrite64, descriptor, bytes, count, at);
}
int mkdir(const char* path, mode_t mode) {
  if (used_up(path)) return -1;
  REAL(mkdir, path, mode);
}

#define OPEN(name)                                                                                                                         \
  int name(const char* path, int flags, ...) {                                                                                             \
    mode_t mode = 0;                                                                                                                       \
    if (flags & O_CREAT) {                                                                                                                 \
      va_list more;                                                                                                                        \
      va_start(more, flags);                                                                                                               \
      mode = va_arg(more, mode_t);                                                                                                         \
      va_end(more);                                                                                                                        \
      if (access(path, F_OK) != 0 && used_up(path)) return -1;                                                                             \
    }                                                                                                                                      \
    REAL(name, path, flags, mode);                                                                                                         \
  }
OPEN(open)
OPEN(open64)
