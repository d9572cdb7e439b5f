// Archives through libarchive. See archive.h.
#include "experiments/archive.h"

#ifdef STDUALX_WITH_LIBARCHIVE
#include <archive.h>
#include <archive_entry.h>
#endif

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "experiments/spec/errors.h"

namespace stdualx {

namespace {

/// What macOS puts beside a file when it makes an archive: not data, though it bears the file's name.
bool is_companion(std::string_view path) { return path.substr(path.find_last_of('/') + 1).starts_with("._"); }

#ifdef STDUALX_WITH_LIBARCHIVE
using Reader = std::unique_ptr<archive, decltype(&archive_read_free)>;

Reader new_reader() {
  Reader reader(archive_read_new(), &archive_read_free);
  if (!reader) throw std::bad_alloc();
  archive_read_support_format_all(reader.get());
  archive_read_support_filter_all(reader.get());
  return reader;
}

/// Publishers put a zip into a zip; a third one inside is no data set of ours, and nests without end in a hostile file.
constexpr int deepest_zip = 2;

/// One walk through an archive and the zips inside it.
struct Walk {
  const std::filesystem::path& path;
  const std::function<bool(std::string_view)>& wanted;
  const std::function<void(std::string_view, std::string_view)>& take;
  std::string contents{}; // of one member after the other, so that its memory is used again

  [[noreturn]] void fail(archive* reader, const std::string& what) const {
    const char* detail = archive_error_string(reader);
    throw InputError(path.string() + ": " + what + " (" + (detail != nullptr ? detail : "no further detail") +
                     "); the archive is damaged or was not copied whole: fetch it again");
  }

  void read_member(archive* reader, archive_entry* entry, const std::string& member) {
    contents.clear();
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    for (int data = ARCHIVE_OK; (data = archive_read_data_block(reader, &block, &size, &offset)) != ARCHIVE_EOF;) {
      if (data != ARCHIVE_OK) fail(reader, "member '" + member + "' cannot be read");
      contents.resize(static_cast<std::size_t>(offset), '\0'); // a sparse member's holes are zeros
      contents.append(static_cast<const char*>(block), size);
    }
    if (archive_entry_size_is_set(entry) != 0 && archive_entry_size(entry) != static_cast<la_int64_t>(contents.size()))
      fail(reader, "member '" + member + "' holds " + std::to_string(contents.size()) + " bytes, expected " +
                       std::to_string(archive_entry_size(entry)));
    take(member, contents);
  }

  /// A zip inside an archive is read as a stream: publishers' inner archives are too large to lie in memory beside the recordings.
  void walk_inner(archive* outer, const std::string& member, int depth) {
    const Reader inner = new_reader();
    const auto read = [](archive*, void* from, const void** block) -> la_ssize_t {
      std::size_t size = 0;
      la_int64_t offset = 0;
      int status = ARCHIVE_OK;
      do status = archive_read_data_block(static_cast<archive*>(from), block, &size, &offset);
      while (status == ARCHIVE_OK && size == 0); // an empty block is not the end
      return status == ARCHIVE_EOF ? 0 : status == ARCHIVE_OK ? static_cast<la_ssize_t>(size) : -1;
    };
    if (archive_read_open(inner.get(), outer, nullptr, read, nullptr) != ARCHIVE_OK)
      fail(inner.get(), "member '" + member + "' cannot be opened as an archive");
    walk(inner.get(), depth);
  }

  void walk(archive* reader, int depth = 0) {
    for (;;) {
      archive_entry* entry = nullptr;
      const int status = archive_read_next_header(reader, &entry);
      if (status == ARCHIVE_EOF) return;
      if (status != ARCHIVE_OK && status != ARCHIVE_WARN) fail(reader, "its list of members cannot be read");
      const char* name = archive_entry_pathname(entry);
      if (name == nullptr || archive_entry_filetype(entry) != AE_IFREG) continue;
      const std::string member = name;
      if (is_companion(member)) continue;
      if (wanted(member)) read_member(reader, entry, member);
      else if (member.ends_with(".zip")) {
        if (depth == deepest_zip)
          throw InputError(path.string() + ": member '" + member + "' is the third zip inside one another; unpack it");
        walk_inner(reader, member, depth + 1);
      }
    }
  }
};
#endif

} // namespace

#ifdef STDUALX_WITH_LIBARCHIVE
void read_archive(const std::filesystem::path& path, const std::function<bool(std::string_view)>& wanted,
                  const std::function<void(std::string_view, std::string_view)>& take) {
  const Reader reader = new_reader();
  Walk walk{path, wanted, take};
  constexpr std::size_t block_bytes = std::size_t{1} << 20;
  if (archive_read_open_filename(reader.get(), path.c_str(), block_bytes) != ARCHIVE_OK)
    walk.fail(reader.get(), "cannot be opened as an archive");
  walk.walk(reader.get());
}

std::string read_compressed(const std::filesystem::path& path) {
  const Reader reader(archive_read_new(), &archive_read_free);
  if (!reader) throw std::bad_alloc();
  archive_read_support_filter_all(reader.get());
  archive_read_support_format_zip(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_read_support_format_empty(reader.get());
  std::string contents;
  std::size_t members = 0;
  const std::function<bool(std::string_view)> all = [](std::string_view) { return true; };
  const std::function<void(std::string_view, std::string_view)> take = [&](std::string_view, std::string_view text) {
    if (++members > 1)
      throw InputError(path.string() + ": holds several files (a spreadsheet's own format does, too); expected one CSV file: unpack it, or "
                                       "save the table as CSV");
    contents = text;
  };
  Walk walk{path, all, take};
  if (archive_read_open_filename(reader.get(), path.c_str(), std::size_t{1} << 20) != ARCHIVE_OK)
    walk.fail(reader.get(), "cannot be unpacked");
  walk.walk(reader.get());
  return contents;
}
#else
std::string read_compressed(const std::filesystem::path& path) {
  throw InputError(path.string() + ": is compressed, and this program was built without libarchive; unpack it, and name the CSV file");
}

void read_archive(const std::filesystem::path& path, const std::function<bool(std::string_view)>&,
                  const std::function<void(std::string_view, std::string_view)>&) {
  throw InputError(path.string() + ": this program was built without libarchive and reads no archives; unpack it (`python3 -m zipfile -e " +
                   path.filename().string() + " FOLDER`), the zips inside it too, and put the folder in its place");
}
#endif

std::vector<std::string> files_below(const std::filesystem::path& folder, const std::function<bool(std::string_view)>& wanted) {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().lexically_relative(folder).generic_string();
    if (!is_companion(name) && wanted(name) && at->is_regular_file()) files.push_back(name);
  }
  if (error) throw InputError(folder.string() + ": cannot be read: " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

void read_files(const std::filesystem::path& path, const std::function<bool(std::string_view)>& wanted,
                const std::function<void(const std::string&, std::string_view, std::string_view)>& take) {
  if (!std::filesystem::is_directory(path)) {
    read_archive(path, wanted, [&](std::string_view member, std::string_view contents) {
      take(path.string() + ": " + std::string(member), member, contents);
    });
    return;
  }
  for (const std::string& name : files_below(path, wanted)) take((path / name).string(), name, read_file(path / name));
}

std::string read_file(const std::filesystem::path& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  const auto fail = [&] { throw InputError(path.string() + ": cannot be read: " + std::generic_category().message(errno)); };
  if (!file) fail();
  std::string contents;
  std::error_code ignored;
  const auto size = std::filesystem::file_size(path, ignored);
  if (!ignored) contents.reserve(size + 1);
  char block[1 << 16];
  std::size_t count = 0;
  while ((count = std::fread(block, 1, sizeof block, file.get())) > 0) contents.append(block, count);
  if (std::ferror(file.get()) != 0) fail();
  return contents;
}

} // namespace stdualx
