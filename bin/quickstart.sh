#!/usr/bin/env bash
# From a fresh checkout to a result: builds Flott, starts a cluster and counts the words of some real text on it.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=config.sh
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/config.sh"

usage() {
  cat << 'END'
Usage: quickstart.sh [FILE or DIRECTORY...]

Builds Flott and its WordCount example, starts the cluster of conf/ unless it runs already, uploads the example over REST
and counts words on the cluster: those of the given text files and directories, or of this project's own sources and
documentation. Shows the most frequent words, where the whole result lies and how to go on. The cluster keeps running
until bin/stop-cluster.sh is called.

  QUICKSTART_PARALLELISM   subtasks of each operator (as many as slots are free, up to 4)
  TMPDIR                   where text and result are kept (/tmp)
END
}

# Says which step failed, when a command ends this script.
step="starting"
at_exit() {
  if [ $? -ne 0 ]; then echo "[ERROR] quickstart.sh failed while $step." >&2; fi
}
trap at_exit EXIT

say() { printf '\n%s\n' "$1"; }

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
  -?*)
    echo "[ERROR] Unknown option \"$1\"." >&2
    usage >&2
    exit 2
    ;;
esac
parallelism="${QUICKSTART_PARALLELISM:-}"
case "$parallelism" in
  "" | [1-9] | [1-9][0-9] | [1-9][0-9][0-9]) ;;
  *) fail "QUICKSTART_PARALLELISM is \"$parallelism\"; allowed: a whole number from 1 to 999" 2 ;;
esac
step="looking at the given files"
inputs=()
for input in "$@"; do
  [ -e "$input" ] || fail "$input does not exist."
  [ -f "$input" ] || [ -d "$input" ] || fail "$input is neither a file nor a directory."
  [ -r "$input" ] || fail "$input cannot be read."
  inputs+=("$(readlink -f -- "$input")")
done

# --- build ---------------------------------------------------------------------------------------------------

example="$FLOTT_HOME/examples/word-count"
if [ -f "$FLOTT_HOME/Cargo.toml" ]; then
  step="building Flott"
  say "1. Building Flott (the first time takes some minutes)"
  command -v cargo > /dev/null || fail "cargo is not installed, which building Flott needs: see https://rustup.rs"
  "$FLOTT_BIN/build-dashboard.sh"
  # All at once: cargo compiles what they share once, with the same features.
  (cd "$FLOTT_HOME" && cargo build --release -p flott-jobmanager -p flott-taskmanager -p flott-cli -p word-count)
  example="$FLOTT_LIBEXEC/word-count"
  export FLOTT_BUILD_CHECKED=1
fi
[ -x "$example" ] || fail "$example is missing."

# --- cluster -------------------------------------------------------------------------------------------------

step="starting the cluster"
say "2. Starting a cluster (unless it runs already)"
"$FLOTT_BIN/start-cluster.sh"
read_settings
find_live_pids standalonesession
[ "${#live_pids[@]}" -gt 0 ] || fail "The JobManager has ended; see $FLOTT_LOG_DIR."
find_rest_url "${live_pids[-1]}"

# --- text ----------------------------------------------------------------------------------------------------

step="gathering the text"
work="$(mktemp -d "${TMPDIR:-/tmp}/flott-quickstart.XXXXXX")"
work="$(cd -P "$work" && pwd -P)"
mkdir "$work/input"
number=0
# Takes file $1 by a link if it can be linked to, else by a copy; the number keeps names apart.
take() {
  number=$((number + 1))
  local name="$work/input/$number-${1##*/}"
  ln -- "$1" "$name" 2> /dev/null || cp -- "$1" "$name"
}
if [ "${#inputs[@]}" -gt 0 ]; then
  for input in "${inputs[@]}"; do
    if [ -d "$input" ]; then
      while IFS= read -r -d '' file; do take "$file"; done < <(find "$input" -name '.?*' -prune -o -type f -print0)
    else
      take "$input"
    fi
  done
else
  while IFS= read -r -d '' file; do take "$file"; done < <(
    find "$FLOTT_HOME" \( -name target -o -name node_modules -o -name '.?*' \) -prune -o \
      \( -name '*.md' -o -name '*.rs' \) -type f -print0
  )
fi
[ "$number" -gt 0 ] || fail "There is no text to count: no file was found."
size="$(du -shL "$work/input" | cut -f 1)"
say "3. Counting the words of $number files ($size)"

# --- job -----------------------------------------------------------------------------------------------------

# Prints the string that field $1 of a JSON answer on stdin holds.
field() { sed -n 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' | head -n 1; }

# Calls REST; prints the answer. Fails with the server's reason if it refuses.
rest() {
  local path="$1" answer status
  shift
  answer="$(curl --silent --show-error --noproxy '*' --write-out '\n%{http_code}' "$@" "$rest_url$path")" \
    || fail "No answer from the cluster at $rest_url$path."
  status="${answer##*$'\n'}"
  answer="${answer%$'\n'*}"
  case "$status" in
    2??) printf '%s\n' "$answer" ;;
    *) fail "The cluster refused $path (status $status): $answer" ;;
  esac
}

# A text as a JSON string.
json_string() {
  local text="$1"
  text="${text//\\/\\\\}"
  text="${text//\"/\\\"}"
  printf '"%s"' "$text"
}

# Runs the job over REST as any program could.
run_over_rest() {
  local uploaded artifact answer state="" free
  if [ -z "$parallelism" ]; then
    step="asking for free slots"
    free="$(rest /overview | sed -n 's/.*"slots-available"[[:space:]]*:[[:space:]]*\([0-9]*\).*/\1/p')"
    parallelism=$((free > 4 ? 4 : free < 1 ? 1 : free))
  fi
  step="uploading the example"
  uploaded="$(rest /jars/upload -F "jarfile=@$(json_string "$example")")"
  artifact="$(field filename <<< "$uploaded")"
  artifact="${artifact##*/}"
  [ -n "$artifact" ] || fail "The upload was answered without an artifact: $uploaded"
  echo "   POST $rest_url/jars/upload                  -> artifact $artifact"

  step="submitting the job"
  answer="$(rest "/jars/$artifact/run" -H 'Content-Type: application/json' -d "{
    \"parallelism\": $parallelism,
    \"programArgsList\": [\"--input\", $(json_string "$work/input"), \"--output\", $(json_string "$work/counts")]
  }")"
  job="$(field jobid <<< "$answer")"
  [ -n "$job" ] || fail "The job was started without an id: $answer"
  echo "   POST $rest_url/jars/$artifact/run  -> job $job"

  step="running the job"
  local last="" started=$SECONDS
  while true; do
    state="$(rest "/jobs/$job/status" | field status)"
    if [ "$state" != "$last" ]; then
      echo "   GET  $rest_url/jobs/$job/status -> $state"
      last="$state"
    fi
    case "$state" in
      FINISHED) return 0 ;;
      FAILED | CANCELED)
        rest "/jobs/$job/exceptions" | field stacktrace | sed 's/\\n/\n/g' >&2
        fail "The job ended as $state. Its page: $dashboard/#/jobs/$job"
        ;;
    esac
    if [ "$state" = CREATED ] && [ $((SECONDS - started)) -ge 30 ]; then
      fail "The job has waited 30 s for $parallelism free slots; cancel other jobs, or start more TaskManagers with bin/taskmanager.sh start."
    fi
    [ $((SECONDS - started)) -lt 600 ] || fail "The job did not end within 10 minutes; see $dashboard/#/jobs/$job"
    pause 0.1
  done
}

case "$rest_bind_address" in
  127.* | localhost | ::1) dashboard="http://localhost:${rest_url##*:}" ;;
  *) dashboard="http://$rest_public_address:${rest_url##*:}" ;;
esac
job=""
if command -v curl > /dev/null; then
  run_over_rest
else
  echo "   curl is not installed: submitting with bin/flott instead."
  step="running the job"
  "$FLOTT_LIBEXEC/flott" run -m "${rest_url#http://}" -p "${parallelism:-2}" "$example" \
    --input "$work/input" --output "$work/counts"
fi

# --- result --------------------------------------------------------------------------------------------------

step="showing the result"
rm -rf "$work/input"
cat "$work/counts"/part-* > "$work/all"
[ -s "$work/all" ] || fail "The job finished, but there is no result in $work/counts."
say "4. The ten most frequent words of $(wc -l < "$work/all" | tr -d ' ') different ones"
sort -k 2,2nr -k 1,1 "$work/all" > "$work/sorted"
head -n 10 "$work/sorted" | while read -r word count; do printf '   %9d  %s\n' "$count" "$word"; done
rm -f "$work/all" "$work/sorted"

printf '\nThe whole result:       %s\n' "$work/counts"
printf 'The job in a browser:   %s\n' "$dashboard/#/${job:+jobs/$job}"
printf 'All running jobs:       %q list\n' "$FLOTT_BIN/flott"
printf 'Stop the cluster:       %q\n' "$FLOTT_BIN/stop-cluster.sh"
