#!/usr/bin/env bash
# The schedule on simulated clusters, large and small: what stands in measured/scheduler.txt. STDUALX_BUILD names the build folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
while read -r words; do
  echo "stdualx bench scheduler $words"
  # shellcheck disable=SC2086
  "${STDUALX_BUILD:-build}/bin/stdualx" bench scheduler $words
  echo
done <<'WORDS'
--all
--failures 0.02 --stragglers 0.005
--workers 8 --runs 400 --all
--workers 24 --runs 1000 --all
WORDS
