#!/usr/bin/env bash
# `cluster/bootstrap.sh --no-root` as a person on a cluster meets it: a user without rights, on a machine that has a compiler and Python and none
# of the packages that bootstrap.sh installs, no nvcc, and no ccache; the program is built and trains. Root makes such a machine of this one, for
# this process alone: its /usr is seen through an overlay from which those packages' files are gone. `.ci/run` calls it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if [ "${1:-}" != inside ]; then
  [ "$(id -u)" -eq 0 ] || { echo "without_root.sh: wants root, to take the packages away" >&2; exit 2; }
  exec unshare --mount "$0" inside
fi

work=$(mktemp -d -p /var/tmp) # not TMPDIR: that other user must reach it
trap 'umount -l /usr "$work/over" "$work/wheels" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/over" "$work/home" "$work/wheels"
mkdir -p .wheels
mount --bind .wheels "$work/wheels" # he may not reach this folder, and pip parts its list at blanks
mount -t tmpfs over "$work/over"
mkdir "$work/over/upper" "$work/over/work"
git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | { mkdir "$work/home/stdualx" && tar -C "$work/home/stdualx" -xf -; }
nvcc=$(type -ap nvcc || true)
packages=$(sed -n "/^packages='/,/^'/p" cluster/bootstrap.sh | awk 'NF > 1 {print $1}' | grep -vxE 'g\+\+|make|python3|python3-venv')
mount -t overlay over -o "lowerdir=/usr,upperdir=$work/over/upper,workdir=$work/over/work" /usr
for package in $packages libopenmpi3 openmpi-common libboost1.74-dev libboost-program-options1.74-dev; do
  dpkg -L "$package" 2>/dev/null || true
done | grep '^/usr/' | while read -r file; do [ -d "$file" ] && [ ! -L "$file" ] || echo "$file"; done | xargs -r rm -f
rm -f $nvcc /usr/bin/mpi* # links of the alternatives system belong to no package
find /usr/include -type d -empty -delete
for gone in cmake ninja mpicxx mpirun nvcc ccache; do
  ! command -v "$gone" >/dev/null || { echo "without_root.sh: $gone is still there" >&2; exit 1; }
done
chown -R 65534:65534 "$work/home"
chmod 755 "$work"

as_user() { setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs env -u CUDA_HOME -u CUDA_PATH -u TMPDIR HOME="$work/home" PATH=/usr/bin:/bin PIP_FIND_LINKS="${PIP_FIND_LINKS:-} $work/wheels" "$@"; }
as_user bash -euo pipefail <<SH
cd "$work/home/stdualx"
cluster/bootstrap.sh --no-root
. .venv/bin/activate
cmake --preset release -DSTDUALX_TESTS=OFF -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0
grep -q 'STDUALX_NVCC:FILEPATH=STDUALX_NVCC-NOTFOUND' build/CMakeCache.txt
grep -E 'DIR:PATH=|_INCLUDE_DIR:PATH=|_CXX_INCLUDE|_LIBRAR.*=/' build/CMakeCache.txt | grep -iE 'boost|fmt|sqlite|openssl|xxhash|json|mpi|archive' | sed "s#$work#WORK#"
cmake --build build --target stdualx stdualx-trainer
python experiments/datasets/watch_to_csv.py watch-data
build/bin/stdualx run experiments/sweeps/demo.json --workers 2 --set training.epochs=1 --quiet
[ "\$(build/bin/stdualx query --format csv "SELECT count(*) FROM runs WHERE status = 'COMPLETE'" | tail -1 | tr -d '\r')" = 10 ]
build/bin/stdualx report --html report.html && grep -q window.vegaEmbed report.html
cluster/bootstrap.sh --no-root >/dev/null # again: nothing left to do
SH
echo "without root: built from PyPI, and ten runs complete"
