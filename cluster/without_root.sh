#!/usr/bin/env bash
# `cluster/bootstrap.sh --no-root`: everything that stdualx is built from, for people who may install nothing. Of the site it wants a C++20
# compiler and Python 3.10 with venv; MPI and OpenSSL are the site's where it has them (module load), libarchive too (without it recordings are
# read from folders, not from archives). All else comes from PyPI: wheels, and SQLite, xxHash and BoringSSL out of packages that carry
# their sources. The live page (stdualx serve) wants the site's cpp-httplib; without it that command says so, and all others work.
# Nothing is written outside .venv/ and .wheels/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
compiler=${CXX:-c++}
c_compiler=${CC:-cc}
python=${PYTHON:-python3}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

refuse() { echo "bootstrap: $*" >&2; exit 2; }
# links HEADER FUNCTION LIBRARY: does the site have it?
links() {
  printf '#include <%s>\nint main() { return reinterpret_cast<void*>(&%s) == nullptr; }\n' "$1" "$2" >"$scratch/try.cpp"
  "$compiler" "$scratch/try.cpp" -o "$scratch/try" "-l$3" 2>/dev/null
}

printf '#include <source_location>\n#include <span>\n#include <concepts>\nint main() {}\n' >"$scratch/try.cpp"
"$compiler" -std=c++20 "$scratch/try.cpp" -o "$scratch/try" 2>"$scratch/said" ||
  refuse "$compiler compiles no C++20: load a module with GCC 12 or newer (module avail gcc), or name one with CXX and CC. It said: $(head -3 "$scratch/said")"
command -v "$c_compiler" >/dev/null || refuse "$c_compiler was not found: name a C compiler with CC"
"$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
  refuse "$python is older than 3.10 or has no venv: load a module with a newer one (module avail python), or name it with PYTHON"
wheels=(-r cluster/requirements-demo.txt -r cluster/requirements-no-root.txt)
sources=(sqlean-py xxhash)
mpi=$(command -v mpicxx || true)
[ -n "$mpi" ] && [ "$mpi" != "$PWD/.venv/bin/mpicxx" ] || { mpi='of PyPI'; wheels+=(-r cluster/requirements-no-root-mpi.txt); }
# Its compiler wrapper names its folder without quotes.
[[ "$mpi" != 'of PyPI' || "$PWD" != *[[:space:]]* ]] ||
  refuse "with PyPI's MPI this cannot be built in a folder with a blank in its name ($PWD): move it, or load the site's MPI (module avail mpi)"
openssl="the site's"
links openssl/evp.h EVP_MD_CTX_new crypto || { openssl='BoringSSL of PyPI'; sources+=(boringssl); }
archives="the site's libarchive"
links archive.h archive_read_new archive || archives='none read (the site has no libarchive)'
echo "bootstrap: compiler $("$compiler" -dumpfullversion 2>/dev/null || "$compiler" -dumpversion) ($compiler), MPI $mpi, OpenSSL $openssl, archives $archives"

want=$({ cat cluster/without_root.sh cluster/requirements-*.txt; echo "${wheels[*]} ${sources[*]} $("$compiler" --version | head -1)"; } | sha256sum)
stamp=.venv/.installed-no-root
if [ ! -f $stamp ] || [ "$(cat $stamp)" != "$want" ]; then
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  mkdir -p .wheels
  pip() { local verb=$1; shift; .venv/bin/pip "$verb" -q --disable-pip-version-check --require-hashes --no-deps --find-links .wheels "$@"; }
  echo "bootstrap: build tools, Boost, fmt, JSON, libtorch, the watch recordings and the JavaScript of figures into .venv (635 MB to fetch, 1.7 GB on disk)"
  pip download -d .wheels "${wheels[@]}"
  pip install "${wheels[@]}"
  if command -v nvcc >/dev/null; then
    echo "bootstrap: nvcc is there: CUDA's libraries as torch wants them, for the GPU parts (5 GB on disk)"
    pip install -r cluster/requirements-no-root-cuda.txt
  fi
  native=$PWD/.venv/native
  mkdir -p "$native/include" "$native/lib"
  ln -sfn "$(echo "$PWD"/.venv/lib/python3*/site-packages/nlohmann_json/include/nlohmann)" "$native/include/nlohmann"
  for source in "${sources[@]}"; do
    # Its lines of the pinned ones; what its own build asks for, pip takes as it finds it.
    sed -n "/^$source==/,/[^\\\\]\$/p" cluster/requirements-no-root-sources.txt >"$scratch/source.txt"
    echo "bootstrap: source of $(sed 's/ .*//;q' "$scratch/source.txt")"
    pip download --no-binary "$source" -d .wheels -r "$scratch/source.txt"
    case $source in
    sqlean-py)
      tar -C "$scratch" -xzf .wheels/sqlean_py-*.tar.gz
      # SQLite's own amalgamation without what that package adds behind its end; built as Debian does, as far as the store cares.
      (cd "$scratch"/sqlean_py-*/sqlite && sed '/End of sqlite3\.c/q' sqlite3.c >"$scratch/sqlite3.c" && "$c_compiler" -O2 -fPIC -shared -DSQLITE_THREADSAFE=1 -DSQLITE_USE_URI=1 -DSQLITE_ENABLE_COLUMN_METADATA -DSQLITE_ENABLE_MATH_FUNCTIONS \
        -Wl,-soname,libsqlite3.so.0 "$scratch/sqlite3.c" -o "$native/lib/libsqlite3.so.0" -lpthread -ldl -lm && cp sqlite3.h "$native/include/")
      ln -sfn libsqlite3.so.0 "$native/lib/libsqlite3.so" ;;
    xxhash)
      tar -C "$scratch" -xzf .wheels/xxhash-*.tar.gz
      cp "$scratch"/xxhash-*/deps/xxhash/xxhash.h "$native/include/" ;;
    boringssl)
      tar -C "$scratch" -xzf .wheels/boringssl-*.tar.gz
      tree=$(echo "$scratch"/boringssl-*/src/boringssl/boringssl)
      (export PATH="$PWD/.venv/bin:$PATH" CXX="$compiler" CC="$c_compiler"
       cmake -S "$tree" -B "$scratch/boringssl" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON >/dev/null
       cmake --build "$scratch/boringssl" --target crypto >/dev/null)
      cp "$scratch/boringssl/libcrypto.a" "$native/lib/"
      cp -r "$tree/include/openssl" "$native/include/" ;;
    esac
  done
  echo "$want" >$stamp
fi
cat <<'NEXT'
bootstrap: done. To build:
  . .venv/bin/activate
  cmake --preset release -DSTDUALX_TESTS=OFF
  cmake --build build
NEXT
