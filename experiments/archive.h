// Reads archives (zip, tar.xz, ...) where they lie, through libarchive; and plain files whole.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace stdualx {

/// Walks an archive once, in its own order; hands each member that `wanted` says yes to, whole, to `take`.
/// InputError: the archive cannot be opened or is damaged or cut short; names the file and the member.
void read_archive(const std::filesystem::path& archive, const std::function<bool(std::string_view member)>& wanted,
                  const std::function<void(std::string_view member, std::string_view contents)>& take);

/// A whole file. InputError: names the file and why it cannot be read.
std::string read_file(const std::filesystem::path& path);

} // namespace stdualx
