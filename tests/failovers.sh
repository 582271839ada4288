#!/usr/bin/env bash
# Kills leading JobManagers while a job runs: tests/failovers.sh --kills 10 --lease 3
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --release --locked --quiet -p flott-jobmanager -p flott-taskmanager -p flott-cli -p flott-tests
exec target/release/failovers "$@"
