// Where the tests find what they do not make themselves. Included into each of their files by the build (cluster/cmake/Rooms.cmake), not
// spelled out on its command line: so the compiler's cache knows a file again in another checkout.
#pragma once

namespace stdualx::test {
extern const char* const source_folder; // of this repository
extern const char* const build_folder;
} // namespace stdualx::test

#define STDUALX_SOURCE_DIR (::stdualx::test::source_folder)
#define STDUALX_BUILD_DIR (::stdualx::test::build_folder)
