# The libraries that the rooms stand on. `cluster/bootstrap.sh --no-root` puts them into .venv, where they come first.
file(GLOB stdualx_without_root "${CMAKE_SOURCE_DIR}/.venv/native" "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/cmeel.prefix")
list(PREPEND CMAKE_PREFIX_PATH ${stdualx_without_root})

# stdualx_headers(<target> <header>): a library that is headers alone.
function(stdualx_headers target header)
  string(MAKE_C_IDENTIFIER "STDUALX_INCLUDE_${header}" place)
  find_path(${place} ${header} REQUIRED)
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} SYSTEM INTERFACE "${${place}}")
endfunction()

if(POLICY CMP0167)
  cmake_policy(SET CMP0167 NEW) # Boost by its own configuration
endif()
find_package(MPI REQUIRED COMPONENTS CXX)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(SQLite3 3.37 REQUIRED) # STRICT tables
find_package(fmt REQUIRED)
stdualx_headers(headers::json nlohmann/json.hpp)
stdualx_headers(headers::xxhash xxhash.h)
target_compile_definitions(headers::xxhash INTERFACE XXH_INLINE_ALL)
# `stdualx serve`; without it the command says what to install. The definitions are those with which Debian built the library: its types
# depend on them.
find_path(STDUALX_HTTPLIB_INCLUDE httplib.h)
find_library(STDUALX_HTTPLIB cpp-httplib)
set(STDUALX_WITH_HTTP OFF)
if(STDUALX_HTTPLIB_INCLUDE AND STDUALX_HTTPLIB)
  set(STDUALX_WITH_HTTP ON)
  add_library(library::httplib INTERFACE IMPORTED GLOBAL)
  target_include_directories(library::httplib SYSTEM INTERFACE "${STDUALX_HTTPLIB_INCLUDE}")
  target_compile_definitions(library::httplib INTERFACE CPPHTTPLIB_OPENSSL_SUPPORT CPPHTTPLIB_ZLIB_SUPPORT CPPHTTPLIB_BROTLI_SUPPORT)
  target_link_libraries(library::httplib INTERFACE "${STDUALX_HTTPLIB}")
endif()
message(STATUS "live page (cpp-httplib): ${STDUALX_WITH_HTTP}")
# Without it the program reads recordings from folders only; the tests make archives.
find_package(LibArchive)
if(STDUALX_TESTS)
  find_package(LibArchive REQUIRED)
  find_package(GTest REQUIRED)
endif()

# Fast training on cores (model/fused); may be missing: then there are the plain layers alone.
find_path(STDUALX_HIGHWAY_INCLUDE hwy/highway.h)
find_library(STDUALX_HIGHWAY hwy)
find_path(STDUALX_XSMM_INCLUDE libxsmm.h)
find_library(STDUALX_XSMM libxsmm.a)
find_library(STDUALX_XSMM_WITHOUT_BLAS libxsmmnoblas.a)
set(STDUALX_WITH_FUSED OFF)
if(STDUALX_HIGHWAY_INCLUDE AND STDUALX_HIGHWAY AND STDUALX_XSMM_INCLUDE AND STDUALX_XSMM AND STDUALX_XSMM_WITHOUT_BLAS
   AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  set(STDUALX_WITH_FUSED ON)
  add_library(library::highway INTERFACE IMPORTED GLOBAL)
  target_include_directories(library::highway SYSTEM INTERFACE "${STDUALX_HIGHWAY_INCLUDE}")
  target_link_libraries(library::highway INTERFACE "${STDUALX_HIGHWAY}")
  find_package(Threads REQUIRED)
  add_library(library::xsmm INTERFACE IMPORTED GLOBAL)
  target_include_directories(library::xsmm SYSTEM INTERFACE "${STDUALX_XSMM_INCLUDE}")
  target_link_libraries(library::xsmm INTERFACE "${STDUALX_XSMM}" "${STDUALX_XSMM_WITHOUT_BLAS}" Threads::Threads ${CMAKE_DL_LIBS} m)
  # The second has a sgemm_ that ends the program when it is called, for programs that have no BLAS. A program that showed it to its shared
  # libraries would give it to torch, in place of torch's own.
  target_link_options(library::xsmm INTERFACE -Wl,--exclude-libs,libxsmm.a:libxsmmnoblas.a)
endif()
message(STATUS "fused layers (Highway, LIBXSMM): ${STDUALX_WITH_FUSED}")
