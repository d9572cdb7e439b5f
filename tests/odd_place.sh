#!/usr/bin/env bash
# tests/odd_place.sh PLACE COMMAND...: runs COMMAND on this checkout as it is now, at a place where something that should not matter is
# different: here, below-tmp, odd-name (a blank and an umlaut in the path), other-tmpdir (TMPDIR elsewhere, with a blank), or today (one of
# them, by the day). But for `here` and `other-tmpdir` that is a clone, gone in the end, with links to what bootstrap.sh fetched.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
places=(here below-tmp odd-name other-tmpdir)
[ $# -ge 2 ] || { echo "odd_place.sh: expected a place (${places[*]}, today) and a command" >&2; exit 2; }
place=$1
shift
[ "$place" != today ] || place=${places[$(($(date +%s) / 86400 % ${#places[@]}))]}

# The recordings lie beside this checkout, not beside the clone.
[ -n "${STDUALX_DATA:-}" ] || [ ! -d ../shared/data ] || STDUALX_DATA=$(realpath ../shared/data)
[ -z "${STDUALX_DATA:-}" ] || export STDUALX_DATA

clone_to() {
  local from=$PWD file
  git clone --quiet --local --no-checkout . "$1"
  git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do if [ -e "$file" ]; then printf '%s\0' "$file"; fi; done | # not what is deleted
    tar --null --verbatim-files-from -T - -cf - | tar -C "$1" -xf -
  cd "$1"
  git reset --quiet
  for file in .venv .wheels; do [ ! -e "$from/$file" ] || ln -sfn "$from/$file" "$file"; done
}
scratch=
trap '[ -z "$scratch" ] || rm -rf "$scratch"' EXIT
case $place in
here) ;;
below-tmp) scratch=$(mktemp -d -p /tmp) && chmod 755 "$scratch" && clone_to "$scratch/stdualx" ;;
odd-name) scratch=$(mktemp -d -p /var/tmp) && chmod 755 "$scratch" && clone_to "$scratch/größer und später" ;;
other-tmpdir) scratch=$(mktemp -d -p /var/tmp) && chmod 755 "$scratch" && mkdir -m 1777 "$scratch/for now" && export TMPDIR="$scratch/for now" ;;
*) echo "odd_place.sh: $place: expected one of ${places[*]}, or today" >&2; exit 2 ;;
esac
echo "odd_place.sh: $place: in $PWD, TMPDIR ${TMPDIR:-not set}"
"$@"
