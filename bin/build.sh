#!/usr/bin/env bash
# Builds the daemons, the command line client and the dashboard of a source checkout, if they are missing or older than
# their sources. Does nothing, within milliseconds, if all is up to date.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=config.sh
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/config.sh"

case "${1:-}" in
  "") ;;
  -h | --help)
    echo "Usage: build.sh"
    echo "Builds the jobmanager, taskmanager and flott binaries (release) if they are missing or older than their sources."
    exit 0
    ;;
  *) fail "Unknown argument \"$1\". Usage: build.sh [--help]" 2 ;;
esac

[ -f "$FLOTT_HOME/Cargo.toml" ] || exit 0 # an unpacked release
cd "$FLOTT_HOME"

# Says when cargo last found everything built: it leaves binaries untouched whose sources changed in nothing that matters.
stamp="$FLOTT_LIBEXEC/.flott-built"

up_to_date() {
  local binary reference=""
  for binary in jobmanager taskmanager flott; do
    if [ ! -x "$FLOTT_LIBEXEC/$binary" ]; then return 1; fi
    if [ -z "$reference" ] || [ "$FLOTT_LIBEXEC/$binary" -ot "$reference" ]; then reference="$FLOTT_LIBEXEC/$binary"; fi
  done
  if [ "$stamp" -nt "$reference" ]; then reference="$stamp"; fi
  local changed
  changed="$(find crates proto Cargo.toml Cargo.lock \
    \( -name node_modules -o -name tests -o -path crates/examples \) -prune -o -type f -newer "$reference" -print -quit)"
  [ -z "$changed" ]
}

if up_to_date; then exit 0; fi
mkdir -p "$FLOTT_LIBEXEC"
# Two at once would disturb each other; the second one mostly finds everything built.
exec 9> "$FLOTT_LIBEXEC/.flott-build.lock"
flock 9
if up_to_date; then exit 0; fi
command -v cargo > /dev/null || fail "cargo is not installed, which building Flott needs: see https://rustup.rs"

"$FLOTT_BIN/build-dashboard.sh" >&2
echo "Building Flott ..." >&2
# Sources that change while cargo runs are newer than the stamp.
touch "$stamp.new"
# All at once, the example too: cargo compiles what they share once, with the same features.
cargo build --release -p flott-jobmanager -p flott-taskmanager -p flott-cli -p word-count
mv "$stamp.new" "$stamp"
