#!/usr/bin/env bash
# Builds the web dashboard (crates/dashboard/ui) if its output is missing or older than its source.
# The next `cargo build` carries the result in the jobmanager binary.
#
# Exit code 0: built, up to date, or node/npm are missing (then the jobmanager serves a plain page
# instead of the dashboard, and all of REST). 1: the build was tried and failed; a former build stays.
set -euo pipefail

script="${BASH_SOURCE[0]}"
while [ -L "$script" ]; do
  link="$(readlink "$script")"
  case "$link" in
    /*) script="$link" ;;
    *) script="$(dirname "$script")/$link" ;;
  esac
done
home="$(cd "$(dirname "$script")/.." && pwd -P)"
ui="$home/crates/dashboard/ui"

# An unpacked release has no sources: its binaries carry the dashboard already.
[ -d "$ui/src" ] || exit 0
cd "$ui"

sources=(src public vite index.html package.json package-lock.json tsconfig.json vite.config.ts)

up_to_date() {
  [ -f dist/index.html ] && [ -z "$(find "${sources[@]}" -newer dist/index.html -print -quit)" ]
}

if up_to_date; then exit 0; fi

if ! command -v node > /dev/null || ! command -v npm > /dev/null; then
  echo "Dashboard not built: node and npm are not installed (Node.js 20.19 or newer). Everything else works without." >&2
  exit 0
fi
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
  echo "Dashboard not built: it needs Node.js 20.19 or newer, this is $(node --version). Everything else works without." >&2
  exit 0
fi

# Two scripts may build at once (two clusters started side by side): the second waits, then finds it done.
if command -v flock > /dev/null; then
  exec 9< .
  flock 9
  if up_to_date; then exit 0; fi
fi

log="$(mktemp "${TMPDIR:-/tmp}/flott-dashboard.XXXXXX")"
trap 'rm -f "$log"' EXIT

run() {
  if ! "$@" > "$log" 2>&1; then
    echo "Building the dashboard failed at: $*" >&2
    tail -n 30 "$log" >&2
    exit 1
  fi
}

echo "Building the dashboard ..."
started=$SECONDS
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  run npm ci --no-audit --no-fund --loglevel=error
fi

# Built beside and then swapped in, so that neither a failed build nor a concurrent cargo sees half of it
# (node_modules is the one folder here that git ignores and the build does not read).
rm -rf node_modules/.dist
run npm run --silent build -- --outDir node_modules/.dist --emptyOutDir
rm -rf dist
mv node_modules/.dist dist
touch dist/index.html
echo "Dashboard built in $((SECONDS - started)) s."
