#!/usr/bin/env bash
# Runs every test from a fresh clone and closes with a count. Arguments go to `cargo test`.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=deploy/prerequisites.sh
. deploy/prerequisites.sh
install_prerequisites curl jq || exit 1

# The stages are libraries that tests load by file, so everything is built before anything runs.
cargo build --workspace || exit 1

log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo test --workspace --no-fail-fast "$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

# Each test program closes with "test result: ok. N passed; N failed; N ignored; …".
awk '/^test result:/ { passed += $4; failed += $6; skipped += $8 }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$log"
exit "$status"
