#!/usr/bin/env bash
# Starts the JobManager on this host, or all of conf/masters, and a TaskManager for each line of conf/workers.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=config.sh
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/config.sh"

usage() {
  cat << 'END'
Usage: start-cluster.sh

Starts the JobManager here and one TaskManager for each line of conf/workers (by ssh on other hosts), and returns when
the REST port answers and every TaskManager has registered. With high-availability.type etcd it starts one JobManager for
each line of conf/masters, host[:webui-port[:rpc-port]]; one of them leads. Builds what is missing in a source checkout.
What runs already stays as it is, so this can be repeated. FLOTT_CONF_DIR names another configuration: clusters with
different folders and ports run beside each other.
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

# Waits for the jobs of run_on_host in remote, each a pid and a host. $1: what they start.
wait_remote() {
  local job
  for job in "${remote[@]}"; do
    wait "${job%%:*}" || echo "[WARN] Starting $1 on ${job#*:} by ssh failed." >&2
  done
}

# Starts the JobManagers of conf/masters. Sets rest_urls to where this host reaches them, with commas between them. One that
# does not start is no reason not to start the others: they stand by for each other.
start_masters() {
  local index host webui started=0
  remote=() rest_urls=""
  for index in "${!master_hosts[@]}"; do
    host="${master_hosts[$index]}" webui="${master_webui_ports[$index]}"
    if is_local "$host"; then
      find_rest_host "$rest_bind_address"
      rest_urls+="${rest_urls:+,}http://$rest_host:$webui"
      if "$FLOTT_BIN/jobmanager.sh" ensure "$host" "$webui" "${master_rpc_ports[$index]}"; then
        started=$((started + 1))
      else
        echo "[WARN] The JobManager $host:$webui did not start." >&2
      fi
    else
      rest_urls+="${rest_urls:+,}http://$host:$webui"
      run_on_host "${host//[][]/}" jobmanager.sh ensure "$host" "$webui" "${master_rpc_ports[$index]}" &
      remote+=("$!:$host")
    fi
  done
  wait_remote "the JobManager"
  [ $((started + ${#remote[@]})) -gt 0 ] || fail "No JobManager has started."
}

worker_options=()
if has_standbys; then
  read_masters
  echo "Starting HA cluster with ${#master_hosts[@]} masters."
  start_masters
  # Other hosts may have no masters file.
  if [ -z "$ha_jobmanagers" ]; then worker_options=(-D "high-availability.jobmanagers=$masters_rpc"); fi
else
  echo "Starting cluster."
  "$FLOTT_BIN/jobmanager.sh" ensure
fi

total=0 remote=()
for host in "${worker_hosts[@]}"; do
  count="${worker_count[$host]}"
  total=$((total + count))
  if is_local "$host"; then
    "$FLOTT_BIN/taskmanager.sh" "ensure=$count"
  else
    run_on_host "$host" taskmanager.sh "ensure=$count" "${worker_options[@]}" &
    remote+=("$!:$host")
  fi
done
wait_remote TaskManagers

# Waits until all have found each other.
wait_cluster() {
  local jobmanager_pids=()
  find_live_pids standalonesession
  jobmanager_pids=("${live_pids[@]}")
  find_live_pids taskexecutor
  if has_standbys; then
    wait_complete "$rest_urls" "$total" "${jobmanager_pids[@]}" "${live_pids[@]}"
  else
    wait_ready "${jobmanager_pids[-1]:-0}" "$total" "${live_pids[@]}"
  fi
}

if ! wait_cluster; then
  for daemon in standalonesession taskexecutor; do
    read_pids "$daemon"
    all_pids=("${pids[@]}")
    for index in "${!all_pids[@]}"; do
      check_pid "$daemon" "${all_pids[$index]}"
      # The log of one that ended tells why; if none did, that of a TaskManager tells why it did not register, and that of
      # a JobManager why it does not lead.
      if [ "$pid_state" = dead ] || [ "$daemon" = taskexecutor ] || has_standbys; then
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
if has_standbys; then
  dashboards=""
  for index in "${!master_hosts[@]}"; do
    host="${master_hosts[$index]}"
    if is_local "$host"; then host="$dashboard_host"; fi
    dashboards+="${dashboards:+, }http://$host:${master_webui_ports[$index]}"
  done
  echo "The cluster is running with ${#master_hosts[@]} JobManager(s) and $total TaskManager(s). Dashboard, at each of them: $dashboards"
else
  echo "The cluster is running with $total TaskManager(s). Dashboard: http://$dashboard_host:${rest_url##*:}"
fi
