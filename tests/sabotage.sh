#!/usr/bin/env bash
# Proves that the tests find bugs: builds with the feature "sabotage", chooses one bug after the other, and runs the suites
# that must turn red on it. Without a bug the same suites must be green. Exit code 0 only if all of that is so.
set -uo pipefail

cd "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." || exit 1

usage() {
  cat << 'END'
Usage: tests/sabotage.sh [BUG...]

Runs all bugs, or only those that are named; "none" is the check that all is green without one.

  control, runtime    unit tests of the crate
  aligned, unaligned  the exactly-once oracle under random faults, with one seed after the other until one is red

SABOTAGE_SEEDS: the seeds ("1 2 3"). SABOTAGE_MINUTES: how long each of them has faults (0.5).
END
}

# Which suites must turn red on which bug.
readonly BUGS="
skip-alignment        runtime aligned
late-source-position  aligned
commit-before-pointer control
commit-at-barrier     runtime aligned
delete-early          control aligned
delete-shared         control
forget-watermarks     runtime aligned
forget-timers         aligned
drop-captured-buffers runtime unaligned
hand-out-early        control
"
readonly ALL_SUITES=(control runtime aligned unaligned)

# Nothing of a sabotaged build may get into what others run. Little optimization: these are many crates for few runs.
export CARGO_TARGET_DIR="$PWD/target/sabotage"
export CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
# Failures are what is wanted here: none is kept as a regression, and none needs its smallest form. Always the same cases.
export PROPTEST_DISABLE_FAILURE_PERSISTENCE=1 PROPTEST_MAX_SHRINK_ITERS=0 PROPTEST_RNG_SEED=1
read -ra seeds <<< "${SABOTAGE_SEEDS:-1 2 3}"
readonly MINUTES="${SABOTAGE_MINUTES:-0.5}"
readonly LOGS="$CARGO_TARGET_DIR/logs"
# Longer than any suite that is green needs. One that hangs is red.
readonly LIMIT=900

build() {
  cargo build --release --locked --quiet --bins \
    -p flott-jobmanager -p flott-taskmanager -p flott-cli -p flott-tests \
    --features flott-jobmanager/sabotage,flott-taskmanager/sabotage,flott-tests/sabotage &&
    cargo test --release --locked --quiet --no-run --lib -p flott-control --features flott-control/sabotage &&
    cargo test --release --locked --quiet --no-run --lib -p flott-runtime --features flott-runtime/sabotage
}

# Runs a suite with the chosen bug; $1 is its name, $2 the seed of a random one.
suite() {
  case "$1" in
    control | runtime)
      timeout "$LIMIT" cargo test --release --locked --quiet --lib -p "flott-$1" --features "flott-$1/sabotage"
      ;;
    aligned) timeout "$LIMIT" "$CARGO_TARGET_DIR/release/chaos" --minutes "$MINUTES" --seed "$2" ;;
    unaligned) timeout "$LIMIT" "$CARGO_TARGET_DIR/release/chaos" --minutes "$MINUTES" --seed "$2" --unaligned ;;
  esac
}

seeds_of() {
  case "$1" in
    control | runtime) echo 0 ;;
    *) echo "${seeds[@]}" ;;
  esac
}

# A line of the table: bug $1, suite $2, what came of it, and where to read more.
row() { printf '%-22s %-10s %-28s %s\n' "$@"; }

# Without a bug a suite must be green with every seed.
expect_green() {
  local seed log
  for seed in $(seeds_of "$1"); do
    log="$LOGS/none-$1-$seed.log"
    if FLOTT_SABOTAGE='' suite "$1" "$seed" > "$log" 2>&1; then
      row none "$1" "green" "seed $seed"
    else
      row none "$1" "RED, should be green" "$log"
      failures=$((failures + 1))
    fi
  done
}

# With a bug a suite must be red with one of the seeds.
expect_red() {
  local seed log
  for seed in $(seeds_of "$2"); do
    log="$LOGS/$1-$2-$seed.log"
    if ! FLOTT_SABOTAGE="$1" suite "$2" "$seed" > "$log" 2>&1; then
      row "$1" "$2" "red" "$(reason "$log")"
      return
    fi
  done
  row "$1" "$2" "GREEN, should be red" "$log"
  failures=$((failures + 1))
}

# The line of a log that says why it is red.
reason() {
  grep --max-count=1 --extended-regexp --only-matching \
    'records checked, .*|the job (is|does not end).*|[0-9]+ passed; [0-9]+ failed' "$1" | cut --characters=1-120 ||
    echo "see $1"
}

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
esac
chosen=("$@")
if [ "${#chosen[@]}" -eq 0 ]; then
  chosen=(none)
  while read -r bug _; do [ -z "$bug" ] || chosen+=("$bug"); done <<< "$BUGS"
fi
for bug in "${chosen[@]}"; do
  if [ "$bug" != none ] && ! grep --quiet "^$bug " <<< "$BUGS"; then
    echo "[ERROR] There is no bug \"$bug\"." >&2
    usage >&2
    exit 2
  fi
done

build || exit 1
mkdir -p "$LOGS"
failures=0
row bug suite result ''
for bug in "${chosen[@]}"; do
  if [ "$bug" = none ]; then
    for suite in "${ALL_SUITES[@]}"; do expect_green "$suite"; done
    continue
  fi
  read -r _ suites < <(grep "^$bug " <<< "$BUGS")
  for suite in $suites; do expect_red "$bug" "$suite"; done
done
if [ "$failures" -gt 0 ]; then
  echo "$failures failed"
  exit 1
fi
echo "Each bug was found."
