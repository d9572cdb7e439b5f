// Reads archives (zip, tar.xz, ...) where they lie, through libarchive; folders by the same rule; and plain files whole.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace stdualx {

/// Walks an archive once, in its own order; hands each member that `wanted` says yes to, whole, to `take`. A zip inside it is
/// walked in its place, its members named without it. InputError: the archive cannot be opened or is damaged or cut short; names the
/// file and the member.
void read_archive(const std::filesystem::path& archive, const std::function<bool(std::string_view member)>& wanted,
                  const std::function<void(std::string_view member, std::string_view contents)>& take);

/// The wanted files below a folder, by their path inside it, in ascending order.
std::vector<std::string> files_below(const std::filesystem::path& folder, const std::function<bool(std::string_view file)>& wanted);

/// Hands each wanted file of a folder, or member of an archive, to `take`; `origin` names it in messages. InputError.
void read_files(const std::filesystem::path& folder_or_archive, const std::function<bool(std::string_view name)>& wanted,
                const std::function<void(const std::string& origin, std::string_view name, std::string_view contents)>& take);

/// A whole file. InputError: names the file and why it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// What a compressed file (gzip, xz, ...) or a zip of one file holds. InputError: it is damaged or cut short, or holds several files.
std::string read_compressed(const std::filesystem::path& path);

} // namespace stdualx
