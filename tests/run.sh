#!/usr/bin/env bash
# Installs what the tests need, builds everything and runs all tests. The last line counts the stages:
# "N passed, N failed, N skipped". Exit code 0 only if none failed.
set -uo pipefail

cd "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." || exit 1

usage() {
  cat << 'END'
Usage: tests/run.sh [STAGE...]

Runs all stages, or only those that are named. A stage that cannot run for want of a tool is SKIPPED and counted.

  tools       installs shellcheck, etcd, iproute2, prometheus and chromium by apt-get if they are missing (as root or with sudo)
  format      cargo fmt --check
  shellcheck  all shell scripts
  dashboard   type check, unit tests and build of the web dashboard
  clippy      all crates and targets, warnings are errors
  build       release build of daemons, command line, examples and test jobs
  unit        unit and integration tests of all crates, and of who imports whom
  s3          storage against a server that speaks S3 (moto, from PyPI)
  etcd        election and records against servers of etcd
  prometheus  what Prometheus is told, read by a real one
  scripts     tests of bin/ with pretended daemons
  e2e         tests with real clusters (needs build)
  browser     walks through the dashboard of a real cluster (needs build)

E2E_THREADS: how many end-to-end tests run at the same time (2).
END
}

readonly STAGES=(tools format shellcheck dashboard clippy build unit s3 etcd prometheus scripts e2e browser)
readonly SKIPPED=77

have() { command -v "$1" > /dev/null; }

skip() {
  echo "SKIPPED: $1"
  exit "$SKIPPED"
}

# --- the stages: each runs in a subshell of its own, fails if a command fails, and skips by `skip` ---------------

browser() {
  local candidate
  for candidate in "${CHROMIUM:-}" /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome; do
    if [ -n "$candidate" ] && [ -x "$candidate" ]; then
      echo "$candidate"
      return 0
    fi
  done
  return 1
}

stage_tools() {
  local missing=() as_root=()
  have shellcheck || missing+=(shellcheck)
  have etcd || missing+=(etcd-server)
  have ip || missing+=(iproute2)
  have prometheus || missing+=(prometheus)
  browser > /dev/null || missing+=(chromium)
  if [ "${#missing[@]}" -eq 0 ]; then
    echo "shellcheck, etcd, iproute2, prometheus and a browser are there."
    return 0
  fi
  have apt-get || skip "${missing[*]} not found, and there is no apt-get to install it: install it yourself"
  if [ "$(id -u)" -ne 0 ]; then
    if ! have sudo || ! sudo -n true 2> /dev/null; then
      skip "${missing[*]} not found: run as root, or apt-get install ${missing[*]}"
    fi
    as_root=(sudo -n)
  fi
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

stage_format() { cargo fmt --all --check; }

stage_shellcheck() {
  have shellcheck || skip "shellcheck is not installed"
  local scripts=(bin/*.sh bin/flott docker/*.sh tests/*.sh tests/scripts/run.sh .ci/run proto/third-party/etcd-client/protoc)
  shellcheck -x "${scripts[@]}"
  echo "${#scripts[@]} scripts checked."
}

need_node() {
  if ! have node || ! have npm; then skip "node and npm are not installed (Node.js 20.19 or newer)"; fi
}

stage_dashboard() {
  need_node
  cd crates/dashboard/ui
  npm ci --no-audit --no-fund --loglevel=error
  npm run lint
  npm test
  ../../../bin/build-dashboard.sh
}

stage_clippy() { cargo clippy --workspace --all-targets -- -D warnings; }

stage_build() {
  bin/build-dashboard.sh
  local example examples=()
  for example in crates/examples/*/; do examples+=(-p "$(basename "$example")"); done
  # All at once: cargo compiles what they share once, with the same features.
  cargo build --release -p flott-jobmanager -p flott-taskmanager -p flott-cli "${examples[@]}" -p flott-tests --bins
}

# The end-to-end tests are a stage of their own. Both stages name the whole workspace, so that all crates are compiled
# once, with the same features.
stage_unit() {
  # All failures at once, not those of the first crate only.
  cargo test --workspace --exclude flott-tests --no-fail-fast
  cargo test --workspace --test dependencies
}

# A Python that has moto's server; found by the tests by this variable.
readonly MOTO=target/moto

stage_s3() {
  have python3 || skip "python3 is not installed"
  if [ ! -x "$MOTO/bin/moto_server" ]; then
    python3 -m venv "$MOTO" || skip "python3 cannot make a virtual environment (apt-get install python3-venv)"
    "$MOTO/bin/pip" install --quiet --disable-pip-version-check 'moto[server,s3]==5.*' || skip "moto cannot be installed"
  fi
  FLOTT_TEST_S3="$PWD/$MOTO/bin/python" cargo test --workspace --test s3
}

stage_etcd() {
  local etcd
  etcd="$(command -v etcd)" || skip "etcd is not installed (apt-get install etcd-server)"
  FLOTT_TEST_ETCD="$etcd" cargo test --workspace --test etcd
}

stage_prometheus() {
  local prometheus
  prometheus="$(command -v prometheus)" || skip "prometheus is not installed (apt-get install prometheus)"
  FLOTT_TEST_PROMETHEUS="$prometheus" cargo test --package flott-reporter --test prometheus
}

stage_scripts() { tests/scripts/run.sh; }

stage_e2e() {
  # Without it the tests that need it say SKIPPED.
  if have etcd; then export FLOTT_TEST_ETCD=1; fi
  if have ip && unshare --net true 2> /dev/null; then export FLOTT_TEST_NETWORK=1; fi
  if [ -x "$MOTO/bin/moto_server" ]; then export FLOTT_TEST_S3="$PWD/$MOTO/bin/python"; fi
  cargo test --workspace --test e2e -- --test-threads="${E2E_THREADS:-2}"
}

stage_browser() {
  need_node
  browser > /dev/null || skip "there is no browser: install chromium, or set CHROMIUM to its path"
  cd tests/browser
  npm ci --no-audit --no-fund --loglevel=error
  CHROMIUM="$(browser)" node run.mjs
}

# --- the runner --------------------------------------------------------------------------------------------------

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
esac
chosen=("$@")
if [ "${#chosen[@]}" -eq 0 ]; then chosen=("${STAGES[@]}"); fi
for stage in "${chosen[@]}"; do
  if ! declare -F "stage_$stage" > /dev/null; then
    echo "[ERROR] There is no stage \"$stage\"." >&2
    usage >&2
    exit 2
  fi
done
have cargo || {
  echo "[ERROR] cargo is not installed, which building Flott needs: see https://rustup.rs" >&2
  exit 1
}

passed=0 failed=0 skipped=0 report=()
for stage in "${chosen[@]}"; do
  printf '\n=== %s\n' "$stage"
  started=$SECONDS
  # Not in a condition, where `set -e` would have no effect.
  (
    set -e
    "stage_$stage"
  )
  code=$?
  case "$code" in
    0)
      passed=$((passed + 1))
      result=passed
      ;;
    "$SKIPPED")
      skipped=$((skipped + 1))
      result=SKIPPED
      ;;
    *)
      failed=$((failed + 1))
      result="FAILED (exit code $code)"
      ;;
  esac
  report+=("$(printf '%-12s %s, %d s' "$stage" "$result" $((SECONDS - started)))")
done

printf '\n=== summary\n'
printf '%s\n' "${report[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
