#!/usr/bin/env bash
# Starts or stops the JobManager on this host.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=config.sh
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/config.sh"

usage() {
  cat << 'END'
Usage: jobmanager.sh (start | start-foreground | ensure) [host] [webui-port] [rpc-port] [-D key=value]...
       jobmanager.sh stop | stop-all

  start             start a JobManager; returns when its REST port answers
  start-foreground  the same in this process, logging to stdout
  ensure            start one unless this cluster's JobManager runs already, or, with high-availability.type etcd, the
                    one with the same arguments
  stop, stop-all    stop the one that was started last, or all
  host              where TaskManagers reach the JobManager, instead of jobmanager.rpc.address
  webui-port        port of REST and dashboard, instead of rest.port
  rpc-port          port for TaskManagers, instead of jobmanager.rpc.port
  -D key=value      any option of docs/configuration.md; beats the file
END
}

# Fails if something listens at port $2 of address $1 already. The JobManager would tell too, but until it does, the
# other process could answer in its place. $3: the option.
require_free() {
  local host="$1"
  case "$host" in
    0.0.0.0 | localhost | 127.*) host=127.0.0.1 ;;
    :: | ::1) host=::1 ;;
    *) return 0 ;; # connecting to an address that is not this machine's could take long
  esac
  case "$2" in *-* | 0) return 0 ;; esac
  if (exec 3<> "/dev/tcp/$host/$2") 2> /dev/null; then
    local owner="another process: stop that one"
    # Started by somebody else since we looked.
    if [ "$action" = ensure ] && has_standbys; then
      # Others of this host are no reason: the port is none of theirs.
      find_alike standalonesession "${arguments[@]}"
      if [ -n "$alike_pid" ]; then already_running "$alike_pid"; fi
    else
      find_live_pids standalonesession
      if [ "$action" = ensure ] && [ "${#live_pids[@]}" -gt 0 ]; then already_running; fi
      if [ "${#live_pids[@]}" -gt 0 ]; then owner="this cluster's JobManager (pid: ${live_pids[*]}): stop it"; fi
    fi
    fail "Port $2 on $1 is in use by $owner, or set another $3 in $FLOTT_CONF_DIR/config.yaml."
  fi
}

already_running() {
  echo "[INFO] The JobManager is already running on $HOSTNAME (pid: ${1:-${live_pids[-1]}})."
  exit 0
}

# Starts a JobManager by action $1 of flott-daemon.sh and waits until its REST port answers.
start() {
  require_free "$rest_bind_address" "$rest_port" rest.port
  require_free "$rpc_bind_address" "$rpc_port" jobmanager.rpc.port
  "$FLOTT_BIN/flott-daemon.sh" "$1" standalonesession "${arguments[@]}"
  find_live_pids standalonesession
  if [ "${#live_pids[@]}" -eq 0 ] || ! wait_ready "${live_pids[-1]}" 0; then
    echo "Error starting standalonesession daemon." >&2
    read_pids standalonesession
    show_log_tail "$(log_prefix_of standalonesession "$((${#pids[@]} > 0 ? ${#pids[@]} - 1 : 0))")"
    # One that runs but does not answer is of no use and would be in the way of the next.
    "$FLOTT_BIN/flott-daemon.sh" stop standalonesession > /dev/null
    exit 1
  fi
}

# Starts the JobManager with these arguments, one of several, unless it runs.
ensure_alike() {
  local index pid all_pids=()
  find_alike standalonesession "${arguments[@]}"
  if [ -n "$alike_pid" ]; then already_running "$alike_pid"; fi
  require_free "$rest_bind_address" "$rest_port" rest.port
  require_free "$rpc_bind_address" "$rpc_port" jobmanager.rpc.port
  "$FLOTT_BIN/flott-daemon.sh" ensure standalonesession "${arguments[@]}"
  read_pids standalonesession
  all_pids=("${pids[@]}")
  find_alike standalonesession "${arguments[@]}"
  if [ -n "$alike_pid" ] && wait_ready "$alike_pid" 0; then return 0; fi
  echo "Error starting standalonesession daemon." >&2
  # If it has ended already, it is the last that was started.
  pid="${alike_pid:-${all_pids[-1]:-}}"
  for index in "${!all_pids[@]}"; do
    if [ "${all_pids[$index]}" = "$pid" ]; then show_log_tail "$(log_prefix_of standalonesession "$index")"; fi
  done
  check_pid standalonesession "$pid"
  # As above. The others of this host stay.
  if [ -n "$alike_pid" ] || [ "$pid_state" = dead ]; then
    "$FLOTT_BIN/flott-daemon.sh" "stop=$pid" standalonesession > /dev/null
  fi
  exit 1
}

action="${1:-}"
if [ $# -gt 0 ]; then shift; fi
arguments=() dynamic=()
case "$action" in
  start | start-foreground | ensure)
    if [ $# -gt 0 ] && [[ "$1" != -* ]]; then
      arguments+=(--host "$1")
      dynamic+=(-D "jobmanager.rpc.address=$1")
      shift
      if [ $# -gt 0 ] && [[ "$1" != -* ]]; then
        arguments+=(--webui-port "$1")
        # Both, since rest.bind-port in the file would beat rest.port.
        dynamic+=(-D "rest.port=$1" -D "rest.bind-port=$1")
        shift
        if [ $# -gt 0 ] && [[ "$1" != -* ]]; then
          arguments+=(-D "jobmanager.rpc.port=$1")
          dynamic+=(-D "jobmanager.rpc.port=$1")
          shift
        fi
      fi
    fi
    while [ $# -gt 0 ]; do
      case "$1" in
        -D)
          [ $# -gt 1 ] || fail "-D needs key=value." 2
          dynamic+=(-D "$2")
          arguments+=(-D "$2")
          shift 2
          ;;
        -D?*)
          dynamic+=(-D "${1#-D}")
          arguments+=(-D "${1#-D}")
          shift
          ;;
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
    done
    ;;
  stop | stop-all)
    [ $# -eq 0 ] || fail "$action takes no arguments, found \"$1\"." 2
    ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac

case "$action" in
  stop | stop-all) exec "$FLOTT_BIN/flott-daemon.sh" "$action" standalonesession ;;
esac
ensure_built
read_settings "${dynamic[@]}"
# It may stand by for one that is elsewhere, or wait for etcd.
if has_standbys; then wait_options=(--serving); fi

case "$action" in
  start) start start ;;
  ensure)
    if has_standbys; then
      ensure_alike
      exit 0
    fi
    find_live_pids standalonesession
    if [ "${#live_pids[@]}" -gt 0 ]; then already_running; fi
    start ensure=1
    ;;
  start-foreground)
    unset FLOTT_LOG_FILE FLOTT_OUT_FILE FLOTT_READY_FILE FLOTT_PID_FILE
    find_daemon standalonesession
    exec "$binary" --configDir "$FLOTT_CONF_DIR" "${arguments[@]}"
    ;;
esac
