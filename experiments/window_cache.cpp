// The cache file. See window_cache.h for its bytes.
#include "experiments/window_cache.h"

#include "experiments/cache_files.h"
#include "experiments/spec/durable_file.h"
#include "experiments/spec/errors.h"
#include "experiments/spec/fault.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <bit>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <memory>
#include <random>
#include <system_error>
#include <utility>

namespace stdualx {
namespace {

static_assert(std::endian::native == std::endian::little, "the cache's bytes are little-endian");

struct Preamble {
  char magic[8];
  std::uint64_t header_bytes, file_bytes, checksum;
};
static_assert(sizeof(Preamble) == 32);

constexpr char magic[8] = {'S', 'T', 'D', 'X', 'W', 'I', 'N', '2'};
constexpr std::size_t alignment = 64;

std::size_t padded(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

/// Bytes of all lists of a set.
std::size_t list_bytes(const WindowSetInfo& info) {
  const auto windows = static_cast<std::size_t>(info.count),
             row = info.dataset.sensors.size() * static_cast<std::size_t>(info.dataset.channels());
  return (static_cast<std::size_t>(info.recordings) + 1 + windows) * sizeof(std::int64_t) +
         static_cast<std::size_t>(info.samples) * row * sizeof(float) + 6 * windows * sizeof(std::int32_t);
}

template <class Item> std::span<const char> bytes_of(const std::vector<Item>& list) {
  return {reinterpret_cast<const char*>(list.data()), list.size() * sizeof(Item)};
}

/// The next `count` items of a mapped file.
template <class Item> std::span<const Item> take(const char*& at, std::size_t count) {
  const std::span<const Item> list(reinterpret_cast<const Item*>(at), count);
  at += list.size_bytes();
  return list;
}

class FileDescriptor {
public:
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }

private:
  int descriptor_;
};

/// A whole file, mapped read-only. It stays open and locked, which says that it is in use (cache_files.h), and notes when it was opened.
class Mapping {
public:
  Mapping(FileDescriptor file, std::size_t size)
      : file_(std::move(file)), size_(size), address_(::mmap(nullptr, size, PROT_READ, MAP_SHARED, file_.get(), 0)) {
    ::flock(file_.get(), LOCK_SH | LOCK_NB); // where locks are not to be had, or it is being removed, it is mapped all the same
    const timespec times[] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    ::futimens(file_.get(), times); // another's file keeps its time
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (valid()) ::munmap(address_, size_);
  }
  bool valid() const { return address_ != MAP_FAILED; }
  const char* data() const { return static_cast<const char*>(address_); }

private:
  FileDescriptor file_;
  std::size_t size_;
  void* address_;
};

void write_all(int descriptor, const void* bytes, std::size_t size) {
  const char* at = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = ::write(descriptor, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw std::system_error(errno, std::generic_category());
    at += written;
    size -= static_cast<std::size_t>(written);
  }
}

/// A new file whose name begins as `path`, with the mode that the umask gives (mkstemp's 0600 would keep a cache from a group); `name`: its
/// own.
int open_beside(const std::filesystem::path& path, std::string& name) {
  for (std::random_device chance;;) {
    std::string tried = path.string() + "." + std::to_string(chance()) + temporary_suffix;
    const int descriptor = ::open(tried.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) {
      name = std::move(tried);
      return descriptor;
    }
    if (errno != EEXIST) throw std::system_error(errno, std::generic_category());
  }
}

void fail_if_told(FaultPoint point) {
  const FaultyWrite fault = faulty_write(point);
  if (fault.torn) die_at_once();
  if (fault.error != 0) throw std::system_error(fault.error, std::generic_category());
}

std::string file_name(const std::string& name, const Json& place) {
  std::string safe;
  for (const char c : std::filesystem::path(name).stem().string())
    safe += std::isalnum(static_cast<unsigned char>(c)) || c == '-' ? c : '_';
  return safe + "-" + sha256_hex(place.dump()).substr(0, 24) + ".windows";
}

} // namespace

WindowCache::WindowCache(std::filesystem::path directory, const std::string& name, Json place, Json state)
    : directory_(std::move(directory)), path_(directory_ / file_name(name, place)),
      key_({{"place", std::move(place)}, {"state", std::move(state)}}) {}

std::optional<WindowSet> WindowCache::open() const {
  FileDescriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return std::nullopt;
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size < sizeof(Preamble)) return std::nullopt;
  const auto mapping = std::make_shared<const Mapping>(std::move(file), size);
  if (!mapping->valid()) return std::nullopt;

  Preamble preamble{};
  std::memcpy(&preamble, mapping->data(), sizeof preamble);
  if (std::memcmp(preamble.magic, magic, sizeof magic) != 0 || preamble.file_bytes != size ||
      preamble.header_bytes > size - sizeof preamble)
    return std::nullopt;
  if (XXH3_64bits(mapping->data() + sizeof preamble, size - sizeof preamble) != preamble.checksum) return std::nullopt;
  const char* const header = mapping->data() + sizeof preamble;
  const Json json = Json::parse(header, header + preamble.header_bytes, nullptr, false);
  if (!json.is_object() || !json.contains("info") || !json.contains("key") || json["key"] != key_) return std::nullopt;

  WindowSet set;
  try {
    set.info_ = from_json<WindowSetInfo>(json["info"]);
  } catch (const InputError&) {
    return std::nullopt; // written by another version of the program
  }
  const std::size_t begin = padded(sizeof preamble + preamble.header_bytes);
  if (size != begin + list_bytes(set.info_)) return std::nullopt;
  const auto count = static_cast<std::size_t>(set.info_.count);
  const char* at = mapping->data() + begin;
  WindowedSamples& source = set.source_;
  source.sensors = static_cast<std::int64_t>(set.info_.dataset.sensors.size());
  source.steps = set.info_.windows.steps;
  source.channels = set.info_.dataset.channels();
  set.recording_begins_ = take<std::int64_t>(at, static_cast<std::size_t>(set.info_.recordings) + 1);
  source.begins = take<std::int64_t>(at, count);
  source.samples = take<float>(at, static_cast<std::size_t>(set.info_.samples * source.sensors * source.channels));
  for (auto* list : {&set.labels_, &set.people_, &set.recordings_, &set.starts_, &source.room_before, &source.room_after})
    *list = take<std::int32_t>(at, count);
  source.owner = mapping;
  return set;
}

void WindowCache::write(WindowSetInfo info, const Windows& windows) const {
  info.count = static_cast<std::int64_t>(windows.labels.size());
  info.recordings = static_cast<std::int64_t>(windows.recording_begins.size()) - 1;
  info.samples = windows.recording_begins.back();
  const std::string header = Json{{"key", key_}, {"info", to_json_all(info)}}.dump();
  std::string head = header;
  head.resize(padded(sizeof(Preamble) + header.size()) - sizeof(Preamble), '\0');
  const std::array pieces = {std::span<const char>(head),  bytes_of(windows.recording_begins), bytes_of(windows.begins),
                             bytes_of(windows.samples),    bytes_of(windows.labels),           bytes_of(windows.people),
                             bytes_of(windows.recordings), bytes_of(windows.starts),           bytes_of(windows.room_before),
                             bytes_of(windows.room_after)};
  Preamble preamble{};
  std::memcpy(preamble.magic, magic, sizeof magic);
  preamble.header_bytes = header.size();
  preamble.file_bytes = sizeof preamble;
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
  if (!state) throw std::bad_alloc();
  XXH3_64bits_reset(state.get());
  for (const auto& piece : pieces) {
    preamble.file_bytes += piece.size();
    XXH3_64bits_update(state.get(), piece.data(), piece.size());
  }
  preamble.checksum = XXH3_64bits_digest(state.get());

  const std::uint64_t limit = cache_limit(directory_); // before anything is written: the variable may be wrong
  std::string temporary;
  try {
    std::filesystem::create_directories(directory_);
    const FileDescriptor file(open_beside(path_, temporary));
    write_all(file.get(), &preamble, sizeof preamble);
    const FaultyWrite fault = faulty_write(FaultPoint::cache_write);
    if (fault.error != 0) throw std::system_error(fault.error, std::generic_category());
    for (const auto& piece : pieces) {
      write_all(file.get(), piece.data(), fault.torn ? piece.size() / 2 : piece.size());
      if (fault.torn) die_at_once();
    }
    if (::fsync(file.get()) != 0) throw std::system_error(errno, std::generic_category());
    fail_if_told(FaultPoint::cache_before_rename);
    std::filesystem::rename(temporary, path_);
    temporary.clear();
    fail_if_told(FaultPoint::cache_after_rename);
    const FileDescriptor folder(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::fsync(folder.get()) != 0) throw std::system_error(errno, std::generic_category());
  } catch (const std::system_error& error) {
    if (!temporary.empty()) ::unlink(temporary.c_str());
    throw_write_error(path_, error.code().message(), error.code().value(),
                      "name a folder with " + std::to_string((preamble.file_bytes >> 20) + 1) +
                          " MiB free that you may write to with --cache or STDUALX_CACHE",
                      path_.string() + ": the window cache cannot be written");
  }
  prune_cache(directory_, limit, {}, path_);
}

} // namespace stdualx
