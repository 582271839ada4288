#!/usr/bin/env bash
# Runs the exactly-once oracle under random faults: tests/chaos.sh --minutes 10 --seed 7
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --release --locked --quiet -p flott-jobmanager -p flott-taskmanager -p flott-cli -p flott-tests
exec target/release/chaos "$@"
