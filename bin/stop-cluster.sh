#!/usr/bin/env bash
# Stops this cluster: its TaskManagers, then its JobManagers.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=config.sh
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/config.sh"

usage() {
  cat << 'END'
Usage: stop-cluster.sh

Stops the TaskManagers of this cluster on all hosts of conf/workers and then its JobManager (with high-availability.type
etcd those on all hosts of conf/masters): first by SIGTERM, after 10 seconds (FLOTT_STOP_TIMEOUT) by SIGKILL. A cluster is
what was started with the same FLOTT_CONF_DIR; nothing else is touched. Can be repeated.
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
read_stop_settings

status=0 remote=()
for host in "${worker_hosts[@]}"; do
  if ! is_local "$host"; then
    run_on_host "$host" taskmanager.sh stop-all &
    remote+=("$!:$host")
  fi
done
# Here always: the workers file may have changed since the start.
"$FLOTT_BIN/flott-daemon.sh" stop-all taskexecutor || status=1
for job in "${remote[@]}"; do
  if ! wait "${job%%:*}"; then
    echo "[WARN] Stopping TaskManagers on ${job#*:} by ssh failed." >&2
    status=1
  fi
done

remote=()
# A masters file that was broken since the start must not keep the rest from being stopped. Without the settings there may be
# JobManagers on the other hosts that it names.
several=""
if has_standbys || { [ -n "$settings_unread" ] && [ -f "$FLOTT_CONF_DIR/masters" ]; }; then several=yes; fi
if [ -n "$several" ] && ! (read_masters); then
  status=1
elif [ -n "$several" ]; then
  read_masters
  declare -A reached=()
  for host in "${master_hosts[@]}"; do
    if ! is_local "$host" && [ -z "${reached[$host]:-}" ]; then
      reached[$host]=yes
      run_on_host "${host//[][]/}" jobmanager.sh stop-all &
      remote+=("$!:$host")
    fi
  done
fi
"$FLOTT_BIN/flott-daemon.sh" stop-all standalonesession || status=1
for job in "${remote[@]}"; do
  if ! wait "${job%%:*}"; then
    echo "[WARN] Stopping JobManagers on ${job#*:} by ssh failed." >&2
    status=1
  fi
done
exit "$status"
