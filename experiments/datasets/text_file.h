// A text file as people have it at hand: plain, compressed, or in the two bytes a character that spreadsheets write.
#pragma once

#include <filesystem>
#include <string>

namespace stdualx {

/// A whole text file as UTF-8: unpacked where it is compressed (gzip, xz, bzip2, zstd, or a zip of one file), decoded where it begins with
/// a UTF-16 byte-order mark. InputError: it cannot be read, or is no text: says what it is and what to do.
std::string read_text_file(const std::filesystem::path& path);

} // namespace stdualx
