// Archives through libarchive. See archive.h.
#include "experiments/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "experiments/spec/errors.h"

namespace stdualx {

void read_archive(const std::filesystem::path& path, const std::function<bool(std::string_view)>& wanted,
                  const std::function<void(std::string_view, std::string_view)>& take) {
  const std::unique_ptr<archive, decltype(&archive_read_free)> reader(archive_read_new(), &archive_read_free);
  if (!reader) throw std::bad_alloc();
  const auto fail = [&](const std::string& what) {
    const char* detail = archive_error_string(reader.get());
    throw InputError(path.string() + ": " + what + " (" + (detail != nullptr ? detail : "no further detail") +
                     "); the archive is damaged or was not copied whole: fetch it again");
  };
  archive_read_support_format_all(reader.get());
  archive_read_support_filter_all(reader.get());
  constexpr std::size_t block_bytes = std::size_t{1} << 20;
  if (archive_read_open_filename(reader.get(), path.c_str(), block_bytes) != ARCHIVE_OK) fail("cannot be opened as an archive");

  std::string contents;
  for (;;) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) return;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) fail("its list of members cannot be read");
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr || archive_entry_filetype(entry) != AE_IFREG || !wanted(name)) continue;
    const std::string member = name;
    contents.clear();
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    for (int data = ARCHIVE_OK; (data = archive_read_data_block(reader.get(), &block, &size, &offset)) != ARCHIVE_EOF;) {
      if (data != ARCHIVE_OK) fail("member '" + member + "' cannot be read");
      contents.resize(static_cast<std::size_t>(offset), '\0'); // a sparse member's holes are zeros
      contents.append(static_cast<const char*>(block), size);
    }
    if (archive_entry_size_is_set(entry) != 0 && archive_entry_size(entry) != static_cast<la_int64_t>(contents.size()))
      fail("member '" + member + "' holds " + std::to_string(contents.size()) + " bytes, expected " +
           std::to_string(archive_entry_size(entry)));
    take(member, contents);
  }
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
