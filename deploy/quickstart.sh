#!/usr/bin/env bash
# From a fresh clone to the transcript of a recording: builds scribed, starts it on embedded parts,
# uploads FILE (by default a recording that comes with the source), shows its text as it appears, and
# saves the .txt and the .docx into the current folder.
#
#   deploy/quickstart.sh [--once] [FILE]      --once stops the daemon at the end
#
# Running it again uses the daemon and the account that are there. SCRIBED_PROFILE=dev builds without
# optimising scribed itself, which is faster to build.
set -euo pipefail

fail() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }
say() { printf '%s\n' "$*"; }

once=no
file=
for argument in "$@"; do
    case $argument in
        --once) once=yes ;;
        -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
        -*) fail "unknown option $argument; the only one is --once" ;;
        *) [ -z "$file" ] || fail "one recording at a time, please"; file=$argument ;;
    esac
done
here=$PWD
root=$(cd "$(dirname "$0")/.." && pwd)
file=$(realpath -m "${file:-$root/tests/audio/07-meeting-two-voices.flac}")
[ -r "$file" ] || fail "cannot read $file"
[ -s "$file" ] || fail "$file is empty"

cd "$root"
# shellcheck source=deploy/prerequisites.sh
. deploy/prerequisites.sh
install_prerequisites curl jq || fail "the build cannot start without what is named above"

profile=${SCRIBED_PROFILE:-release}
folder=$profile
[ "$profile" = dev ] && folder=debug
say "building (profile $profile; the first time takes some minutes)"
cargo build --quiet --workspace --profile "$profile" || fail "the build failed; the compiler's words are above"
scribed=${CARGO_TARGET_DIR:-$root/target}/$folder/scribed
cd "$here"

# The same order as the daemon's own; what is made here is for this user's eyes only.
state=${STATE_DIRECTORY:-${XDG_STATE_HOME:-$HOME/.local/state}/scribed}
usual=$(umask)
umask 077
{ mkdir -p "$state" && [ -w "$state" ]; } ||
    fail "cannot write to $state; set STATE_DIRECTORY to a folder that you own"
# The settings of an installed package name its own.
export STATE_DIRECTORY=$state SCRIBED_STATE__FOLDER=$state
pid_file=$state/quickstart.pid
log=$state/quickstart.log

# The answer of a request, which must succeed; secrets go in by standard input, not by the command line.
ask() {
    answered=$(curl --silent --show-error --max-time 60 --write-out '\n%{http_code}' "$@") || return 1
    printf '%s\n' "${answered%$'\n'*}"
    [ "${answered##*$'\n'}" -lt 400 ]
}
address() { cat "$state/listen" 2>/dev/null; }
alive() { [ -s "$state/listen" ] && ask "http://$(address)/" >/dev/null 2>&1; }
# Whether the daemon that runs on the state folder is the one that this script started.
ours() {
    [ -s "$pid_file" ] && [ "$(cat "$pid_file")" = "$(cat "$state/lock" 2>/dev/null)" ] &&
        kill -0 "$(cat "$pid_file")" 2>/dev/null
}
stop() {
    ours || return 0
    kill "$(cat "$pid_file")"
    while ours; do sleep 0.1; done
    rm -f "$pid_file"
}
start() {
    rm -f "$state/listen"
    listen=${SCRIBED_HTTP__LISTEN:-127.0.0.1:8000}
    if [ -z "${SCRIBED_HTTP__LISTEN:-}" ] && (exec 3<>/dev/tcp/127.0.0.1/8000) 2>/dev/null; then
        say "port 8000 is taken, choosing a free one"
        listen=127.0.0.1:0
    fi
    # A session of its own, so that Ctrl-C here does not reach it.
    SCRIBED_HTTP__LISTEN=$listen setsid "$scribed" run >"$log" 2>&1 </dev/null &
    started=$!
    echo "$started" >"$pid_file"
    until alive; do
        kill -0 "$started" 2>/dev/null || {
            cat "$log" >&2
            rm -f "$pid_file"
            fail "the daemon did not start; its words are above"
        }
        sleep 0.1
    done
}

if alive; then
    say "using the daemon that is running already"
else
    start
fi
[ "$once" = yes ] && trap stop EXIT
base=http://$(address)
say "scribed listens on $base, its state is in $state"

# An account of our own, made once; the password stays in the state folder.
login=$state/secrets/quickstart-login.json
as_json() { ask -H 'Content-Type: application/json' "$@"; }
register() {
    # A name may hold letters only.
    name="quickstart$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n' | tr '0-9' 'g-p')"
    password="Aa1!$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
    NAME=$name PASSWORD=$password jq -n '{username: env.NAME, password: env.PASSWORD}' >"$login.new"
    user=$(as_json --data @"$login.new" "$base/auth/register") ||
        fail "cannot register an account: $(reason "$user")"
    printf 'url = "%s/auth/patch?user_id=%s&secret_admin_token=%s"\n' \
        "$base" "$(jq .id <<<"$user")" "$(cat "$state/secrets/admin-token")" |
        as_json --config - -X PATCH --data '{"can_interact": true}' >/dev/null ||
        fail "cannot let the account submit recordings"
    mv "$login.new" "$login"
    say "registered the account $name"
}
# The sentence in a refusal, or the refusal itself where it has none.
reason() { jq -r '.detail | if type == "string" then . else tojson end' <<<"$1" 2>/dev/null || echo "$1"; }
log_in() {
    token=$(as_json --data @"$login" "$base/auth/login") ||
        fail "cannot log in ($(reason "$token")); remove $login to register a new account"
    token=$(jq -r .access_token <<<"$token")
    logged_in=$SECONDS
}
as_user() { printf 'header = "Authorization: Bearer %s"\n' "$token" | ask --config - "$@"; }

[ -s "$login" ] || register
log_in

say "uploading $(basename "$file")"
answer=$(as_user --max-time 3600 -F "audiofile=@\"$file\"" "$base/upload-audiofile") ||
    fail "the upload was refused: $(reason "$answer")"
job=$(jq .task_id <<<"$answer")
say "job $job; its text, chunk by chunk, as it appears:"
say

shown=0
while :; do
    # A token lasts for half an hour, and a long recording longer.
    [ $((SECONDS - logged_in)) -lt 1200 ] || log_in
    # The state first: what is stored when it says "done" is all there is.
    info=$(as_user "$base/transcript/info?transcript_id=$job") || fail "cannot read job $job"
    state_word=$(jq -r .current_state <<<"$info")
    while page=$(as_user "$base/transcript?task_id=$job&page=$((shown + 1))&size=1") || fail "cannot read the text"
        [ "$(jq '.transcriptions | length' <<<"$page")" = 1 ]; do
        jq -r '.transcriptions[0] | "[\(.chunk_order)] \(.transcription)"' <<<"$page"
        shown=$((shown + 1))
    done
    case $state_word in completed | completed_partially | cancelled | processing_fail) break ;; esac
    sleep 0.3
done
say
say "$state_word: $(jq -r '"\(.audio_len_secs * 10 | round / 10) s of audio"' <<<"$info"), $shown chunks"
case $state_word in
    completed | completed_partially) ;;
    *) fail "the recording could not be transcribed; see '$scribed jobs show $job' and $log" ;;
esac

umask "$usual"
name=$(basename "${file%.*}")
for kind in txt:txt doc:docx; do
    document=$here/$name.${kind#*:}
    as_user -X POST -o "$document" "$base/transcript/export?task_id=$job&format=${kind%%:*}" >/dev/null || {
        rm -f "$document"
        fail "cannot export as ${kind%%:*}, or cannot write $document"
    }
done
say "saved $here/$name.txt and $here/$name.docx"

if ! ours; then
    say "the daemon goes on; it was not started by this script"
elif [ "$once" = yes ]; then
    stop
    say "the daemon is stopped; its state stays in $state"
else
    say "the daemon goes on (process $(cat "$pid_file"), log $log)"
    say "stop it with: kill $(cat "$pid_file")"
fi
