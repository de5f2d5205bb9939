#!/usr/bin/env bash
# Runs every test from a fresh clone and closes with a count. Arguments go to `cargo test`.
#
# With --long as its first argument the proofs of chaos, faults, load, media, security and e2e run in the
# form whose figures count, which takes hours; see tests/RESULTS.md.
#
# A Kafka and a Cassandra are started for it (see tests/services), unless SCRIBED_TEST_KAFKA or
# SCRIBED_TEST_CASSANDRA names one. Suites that lack theirs are skipped and named at the end; with
# SCRIBED_TESTS_NO_SKIP=1 that is a failure.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
if [ "${1:-}" = --long ]; then
    shift
    export SCRIBED_TESTS_LONG=1
fi
# shellcheck source=deploy/prerequisites.sh
. deploy/prerequisites.sh
install_prerequisites curl jq || exit 1
# The unit is looked at by systemd's own tool, and a database is locked by another program.
command -v systemd-analyze >/dev/null || install_packages systemd || exit 1
command -v python3 >/dev/null || install_packages python3 || exit 1
# The clients of tests/clients come with it; where it cannot be had, that suite is skipped in part.
command -v npm >/dev/null || install_packages npm ||
    echo "going on; the clients in JavaScript are skipped" >&2
# The daemon is killed between its system calls.
command -v strace >/dev/null || install_packages strace || exit 1
# Clocks are made to jump; where it cannot be had, that suite is skipped.
command -v faketime >/dev/null || install_packages faketime ||
    echo "going on; the suite with clocks that jump is skipped" >&2
install_services_prerequisites ||
    echo "going on; suites that need Kafka or Cassandra may be skipped" >&2

# One of these at a time in a working copy: its services have one name.
mkdir -p target
exec 9>target/tests-run.lock
flock -n 9 || { echo "waiting for another tests/run.sh in this folder" >&2; flock 9; }

scratch=target/tests-run
rm -rf "$scratch"
mkdir "$scratch"
started=()
declare -A starting=()
# shellcheck disable=SC2317 # the trap calls it
end() {
    trap '' HUP INT TERM
    # What is being started would go on to start more.
    for service in "${!starting[@]}"; do kill "${starting[$service]}" 2>/dev/null; done
    for service in "${started[@]}"; do tests/services/"$service" --name run down; done
    rm -rf "$scratch"
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Services start while everything is built. This script is their owner, so that they end with it even
# where no trap is run.
for service in kafka cassandra; do
    variable=SCRIBED_TEST_${service^^}
    [ -z "${!variable:-}" ] || continue
    options=(--fresh --port 0 --owner $$ --tls)
    [ "$service" != kafka ] || options+=(--sasl)
    tests/services/"$service" --name run up "${options[@]}" >"$scratch/$service" 2>&1 9>&- &
    starting[$service]=$!
    started+=("$service")
done

# The stages are libraries that tests load by file, so everything is built before anything runs.
cargo build --workspace || exit 1

missing=()
for service in "${!starting[@]}"; do
    if wait "${starting[$service]}"; then
        while read -r variable; do
            export "${variable?}"
        done < <(tests/services/"$service" --name run env)
    else
        cat "$scratch/$service" >&2
        reason=$(grep "^$service: " "$scratch/$service" | tail -n 1)
        missing+=("no ${service^}: ${reason:-$(tail -n 1 "$scratch/$service")}")
    fi
    unset "starting[$service]"
done

log=$scratch/tests.log
# What a test leaves behind where it is killed does not keep the next run waiting.
cargo test --workspace --no-fail-fast "$@" 2>&1 9>&- | tee "$log"
status=${PIPESTATUS[0]}

# A service that ended under the tests explains what failed; its last words go with it otherwise.
for service in "${started[@]}"; do
    tests/services/"$service" --name run status >"$scratch/status" 2>&1 && continue
    printf '\n%s did not live to the end of the tests:\n' "${service^}"
    cat "$scratch/status"
    tail -n 30 "${SCRIBED_SERVICES_DIR:-target/services}/$service-run"/*/log
    dmesg 2>/dev/null | grep -iE 'out of memory|killed process|segfault' | tail -n 5
    [ "$status" != 0 ] || status=1
done

# A suite that is skipped says so past the test harness, once for each of its tests or less.
grep -o 'SKIPPED suite .*' "$log" | sort -u >"$scratch/skipped"
suites=$(wc -l <"$scratch/skipped")
if [ "$suites" != 0 ]; then
    printf '\n'
    [ ${#missing[@]} = 0 ] || printf '%s\n' "${missing[@]}"
    cat "$scratch/skipped"
    if [ "${SCRIBED_TESTS_NO_SKIP:-0}" != 0 ]; then
        echo "this is a failure, since SCRIBED_TESTS_NO_SKIP is set"
        [ "$status" != 0 ] || status=1
    fi
fi
# Each test program closes with "test result: ok. N passed; N failed; N ignored; …".
awk -v skipped="$suites" '/^test result:/ { passed += $4; failed += $6; skipped += $8 }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$log"
exit "$status"
