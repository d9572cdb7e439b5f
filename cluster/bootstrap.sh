#!/usr/bin/env bash
# Sets up a Debian 12 machine for stdualx: the same script for people and for CI.
#   cluster/bootstrap.sh demo    compilers, Open MPI, libraries; a venv with libtorch (CPU part), the watch recordings and
#                                the JavaScript of figures
#   cluster/bootstrap.sh test    all of that, and Python's torch, SciPy and scikit-learn as test references
#   cluster/bootstrap.sh --no-root   what demo gives, on any Linux and without a system package: the site's compiler and Python, its
#                                MPI and OpenSSL if it has them, and PyPI for all else (without_root.sh)
# Idempotent and pinned; says what it installs and why; under 2 s when nothing is missing. Needs root or sudo only
# when a Debian package is missing. Wheels are kept in .wheels/, the venv in .venv/; git ignores both.
set -euo pipefail
mode=${1:-demo}
case "$mode" in demo|test|--no-root) ;; *) echo "bootstrap.sh: unknown mode '$mode'; expected 'demo', 'test' or '--no-root'" >&2; exit 2 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ "$mode" != --no-root ] || exec cluster/without_root.sh

# package and why, a line each
packages='
g++ the compiler
make the commands of the README
cmake the build
ninja-build the build
ccache rebuilds in seconds
python3 the wheels of libtorch and of the test references
python3-venv the same
openmpi-bin processes across hosts
libopenmpi-dev processes across hosts
openssh-client Open MPI looks for it at start, also on one host
libboost-program-options-dev the command line
libboost-dev Boost.Math: intervals and tests
libsqlite3-dev the store
nlohmann-json3-dev JSON and CBOR
libarchive-dev reads zip and tar.xz where they lie
libxxhash-dev state hashes
libssl-dev SHA-256
libfmt-dev text
libcpp-httplib-dev the live page of stdualx serve
libhwy-dev kernels of fused layers: loops for each instruction set
libxsmm-dev the same: small matrix products
'
[ "$mode" = demo ] || packages+='
libgtest-dev tests
libgmock-dev tests
libbenchmark-dev benchmarks
clang-format make format, make lint
clang-tidy make lint
clang the fuzz targets
libclang-rt-14-dev the same: libFuzzer
sqlite3 tests read the store as a person would
procps tests look for left-over processes
slurm-wlm tests submit to a Slurm that they start themselves
munge the same: Slurm signs its messages with it
iproute2 the lab makes hosts of network namespaces
chromium tests open the pages of report --html and serve in a real browser
chromium-driver the same: drives it
python3-selenium the same: speaks to the driver
'
missing=()
installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null | sed -n 's/^ii  *//p')
while read -r package why; do
  [ -z "$package" ] || grep -qxF "$package" <<<"$installed" && continue
  [ ${#missing[@]} -gt 0 ] || echo "bootstrap: installing Debian packages:"
  echo "  $package ($why)"
  missing+=("$package")
done <<<"$packages"
if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "bootstrap: these packages need root or sudo: ${missing[*]}" >&2; exit 2; }
    as_root=(sudo)
  fi
  export DEBIAN_FRONTEND=noninteractive
  # Debian starts and enables the services of a package with it. The tests start their own Slurm; the machine shall not have one.
  services=()
  for package in "${missing[@]}"; do
    case "$package" in munge) services+=(munge) ;; slurm-wlm) services+=(slurmctld slurmd) ;; esac
  done
  policy=/usr/sbin/policy-rc.d
  if [ ${#services[@]} -gt 0 ] && [ ! -e $policy ]; then
    trap '"${as_root[@]}" rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101 # nothing is started\n' | "${as_root[@]}" install -m 755 /dev/stdin $policy
  fi
  # Another clone's set-up may be at it, too.
  "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=600 update -qq
  "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  if [ -n "$(trap -p EXIT)" ]; then
    "${as_root[@]}" rm -f $policy
    trap - EXIT
  fi
  for service in "${services[@]}"; do "${as_root[@]}" update-rc.d "$service" disable; done
fi

stamp=.venv/.installed-$mode
want=$(sha256sum cluster/requirements-demo.txt cluster/requirements-test.txt cluster/bootstrap.sh)
# 'test' holds all that 'demo' needs.
for candidate in "$stamp" .venv/.installed-test; do
  if [ -f "$candidate" ] && [ "$(cat "$candidate")" = "$want" ]; then exit 0; fi
done
[ -x .venv/bin/python ] || /usr/bin/python3 -m venv .venv
mkdir -p .wheels
# A wheel is downloaded once and kept; pip reads it from the folder from then on, if its SHA-256 is the one pinned (pin_wheels.sh).
echo "bootstrap: libtorch (CPU part), the watch recordings and the JavaScript of figures into .venv (565 MB to fetch, 1.4 GB on disk)"
pip() { local verb=$1; shift; .venv/bin/pip "$verb" -q --disable-pip-version-check --require-hashes --find-links .wheels "$@"; }
pip download --no-deps -d .wheels -r cluster/requirements-demo.txt
pip install --no-deps -r cluster/requirements-demo.txt
if [ "$mode" = test ]; then
  echo "bootstrap: Python's torch with all it imports, SciPy and scikit-learn: the tests' references (5 GB on disk)"
  pip download -d .wheels -r cluster/requirements-test.txt
  pip install -r cluster/requirements-test.txt
fi
echo "$want" >"$stamp"
