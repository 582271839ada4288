#!/usr/bin/env bash
# Starts the JobManager on this host and a TaskManager for each line of conf/workers.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=config.sh
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/config.sh"

usage() {
  cat << 'END'
Usage: start-cluster.sh

Starts the JobManager here and one TaskManager for each line of conf/workers (by ssh on other hosts), and returns when
the REST port answers and every TaskManager has registered. Builds what is missing in a source checkout. What runs
already stays as it is, so this can be repeated. FLOTT_CONF_DIR names another configuration: clusters with different
folders and ports run beside each other.
END
}

case "${1:-}" in
  "") ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    echo "[ERROR] Unknown argument \"$1\"." >&2
    usage >&2
    exit 2
    ;;
esac

read_workers
ensure_built
read_settings

echo "Starting cluster."
"$FLOTT_BIN/jobmanager.sh" ensure

total=0 remote=()
for host in "${worker_hosts[@]}"; do
  count="${worker_count[$host]}"
  total=$((total + count))
  if is_local "$host"; then
    "$FLOTT_BIN/taskmanager.sh" "ensure=$count"
  else
    run_on_host "$host" taskmanager.sh "ensure=$count" &
    remote+=("$!:$host")
  fi
done
for job in "${remote[@]}"; do
  wait "${job%%:*}" || echo "[WARN] Starting TaskManagers on ${job#*:} by ssh failed." >&2
done

find_live_pids standalonesession
jobmanager_pid=0
if [ "${#live_pids[@]}" -gt 0 ]; then jobmanager_pid="${live_pids[-1]}"; fi
find_live_pids taskexecutor
taskmanager_pids=("${live_pids[@]}")
if ! wait_ready "$jobmanager_pid" "$total" "${taskmanager_pids[@]}"; then
  for daemon in standalonesession taskexecutor; do
    read_pids "$daemon"
    all_pids=("${pids[@]}")
    for index in "${!all_pids[@]}"; do
      check_pid "$daemon" "${all_pids[$index]}"
      # The log of one that ended tells why; if none did, that of a TaskManager tells why it did not register.
      if [ "$pid_state" = dead ] || [ "$daemon" = taskexecutor ]; then
        show_log_tail "$(log_prefix_of "$daemon" "$index")"
      fi
    done
  done
  fail "The cluster is not complete. Stop what runs with $FLOTT_BIN/stop-cluster.sh"
fi

case "$rest_bind_address" in
  127.* | localhost | ::1) dashboard_host=localhost ;;
  *) dashboard_host="$rest_public_address" ;;
esac
echo "The cluster is running with $total TaskManager(s). Dashboard: http://$dashboard_host:${rest_url##*:}"
