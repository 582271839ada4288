#!/usr/bin/env bash
# Starts and stops the daemons of this host. jobmanager.sh, taskmanager.sh and the cluster scripts use it.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=config.sh
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/config.sh"

usage() {
  cat << 'END'
Usage: flott-daemon.sh ACTION DAEMON [arguments of the daemon]

ACTION
  start      start a further daemon
  ensure=N   start daemons until N of them run
  ensure     start one unless one with the same arguments runs
  stop       stop the one that was started last
  stop=PID   stop this one
  stop-all   stop all of them
DAEMON
  standalonesession   the JobManager
  taskexecutor        a TaskManager

Only daemons of this configuration (FLOTT_CONF_DIR) are stopped or counted. Files:
  $FLOTT_PID_DIR/flott-$FLOTT_IDENT_STRING-DAEMON.pid           a process id a line
  $FLOTT_LOG_DIR/flott-$FLOTT_IDENT_STRING-DAEMON-N-HOST.log    what the daemon logs
  $FLOTT_LOG_DIR/flott-$FLOTT_IDENT_STRING-DAEMON-N-HOST.out    its stdout and stderr
END
}

# Makes room for the new file $1: older ones become .1, .2 ... up to FLOTT_LOG_MAX.
rotate() {
  local number
  if [ ! -e "$1" ]; then return 0; fi
  for ((number = FLOTT_LOG_MAX - 1; number >= 1; number--)); do
    if [ -e "$1.$number" ]; then mv -f "$1.$number" "$1.$((number + 1))"; fi
  done
  mv -f "$1" "$1.1"
}

# Starts one daemon and appends it to the pid file. Called with the pid folder locked.
start_one() {
  local prefix pid
  [ -x "$binary" ] || fail "$binary is missing."

  # The number of lines is the new daemon's index. When none of them lives (a reboot, a kill) it begins at 0 again.
  read_pids "$daemon"
  local keep=no
  for pid in "${pids[@]}"; do
    check_pid "$daemon" "$pid"
    if [ "$pid_state" != dead ]; then keep=yes; fi
  done
  if [ "$keep" = no ]; then
    pids=()
    rm -f "$pid_file"
  fi
  prefix="$(log_prefix_of "$daemon" "${#pids[@]}")"
  rotate "$prefix.log"
  rotate "$prefix.out"
  if [ -e "$prefix.ready" ]; then rm -f "$prefix.ready"; fi

  echo "Starting $daemon daemon on host $HOSTNAME."
  # shellcheck disable=SC2094 # the daemon is told the names of its files, it does not read them
  (
    # A daemon must hold neither the lock nor the pipe that pause waits on.
    if [ -n "${lock_fd:-}" ]; then exec {lock_fd}<&-; fi
    if [ -n "${pause_fd:-}" ]; then exec {pause_fd}<&-; fi
    export FLOTT_LOG_FILE="$prefix.log" FLOTT_OUT_FILE="$prefix.out" FLOTT_READY_FILE="$prefix.ready" FLOTT_PID_FILE="$pid_file"
    unset FLOTT_BUILD_CHECKED FLOTT_SETTINGS_READ
    if command -v setsid > /dev/null; then
      exec setsid "$binary" --configDir "$FLOTT_CONF_DIR" "${arguments[@]}"
    else
      exec nohup "$binary" --configDir "$FLOTT_CONF_DIR" "${arguments[@]}"
    fi
  ) > "$prefix.out" 2>&1 < /dev/null &
  pid=$!
  echo "$pid" >> "$pid_file"

  # Until it has become the daemon's program, nobody could tell that the process is ours.
  check_pid "$daemon" "$pid"
  while [ "$pid_state" = dead ] && kill -0 "$pid" 2> /dev/null; do
    pause 0.002
    check_pid "$daemon" "$pid"
  done
  if [ "$pid_state" = dead ]; then
    forget "$pid"
    unlock_pids
    echo "Error starting $daemon daemon." >&2
    show_log_tail "$prefix"
    exit 1
  fi
}

# Takes pid $1 out of the pid file, and removes the file with the last one. Called with the pid folder locked.
forget() {
  local pid rest=()
  read_pids "$daemon"
  for pid in "${pids[@]}"; do
    if [ "$pid" != "$1" ]; then rest+=("$pid"); fi
  done
  if [ "${#rest[@]}" -eq 0 ]; then
    rm -f "$pid_file"
  else
    # Renamed into place, so that a full disk loses nothing.
    printf '%s\n' "${rest[@]}" > "$pid_file.new"
    mv -f "$pid_file.new" "$pid_file"
  fi
}

start() {
  lock_pids
  find_live_pids "$daemon"
  if [ "${#live_pids[@]}" -gt 0 ]; then
    echo "[INFO] ${#live_pids[@]} instance(s) of $daemon are already running on $HOSTNAME."
  fi
  start_one
  unlock_pids
}

ensure() {
  local wanted="$1" running
  lock_pids
  find_live_pids "$daemon"
  running="${#live_pids[@]}"
  if [ "$running" -gt 0 ]; then
    echo "[INFO] $running instance(s) of $daemon are already running on $HOSTNAME."
  fi
  for (( ; running < wanted; running++)); do start_one; done
  unlock_pids
}

ensure_alike() {
  lock_pids
  find_alike "$daemon" "${arguments[@]}"
  if [ -n "$alike_pid" ]; then
    echo "[INFO] This $daemon is already running on $HOSTNAME (pid: $alike_pid)."
  else
    start_one
  fi
  unlock_pids
}

# Stops the daemon with pid $1.
stop_pid() {
  lock_pids
  check_pid "$daemon" "$1"
  case "$pid_state" in dead) forget "$1" ;; esac
  unlock_pids
  if [ "$pid_state" = alive ]; then
    terminate "$1"
  else
    echo "No $daemon daemon (pid: $1) of this cluster is running on $HOSTNAME."
  fi
}

# Waits up to $1 seconds until none of the further pids is this cluster's running daemon. Sets live to those that are.
wait_gone() {
  local deadline=$((${EPOCHREALTIME//[!0-9]/} + $1 * 1000000)) pid
  shift
  live=("$@")
  while [ "${#live[@]}" -gt 0 ]; do
    local still=()
    for pid in "${live[@]}"; do
      check_pid "$daemon" "$pid"
      if [ "$pid_state" = alive ]; then still+=("$pid"); fi
    done
    live=("${still[@]}")
    if [ "${#live[@]}" -eq 0 ] || [ "${EPOCHREALTIME//[!0-9]/}" -ge "$deadline" ]; then return 0; fi
    pause 0.02
  done
}

# Stops the given running daemons: all get SIGTERM, who does not end in time SIGKILL.
terminate() {
  local pid timeout="${FLOTT_STOP_TIMEOUT:-10}"
  for pid in "$@"; do
    echo "Stopping $daemon daemon (pid: $pid) on host $HOSTNAME."
    kill "$pid" 2> /dev/null || true
  done
  wait_gone "$timeout" "$@"
  local stubborn=("${live[@]}")
  for pid in "${stubborn[@]}"; do
    echo "Daemon $daemon (pid: $pid) didn't stop within $timeout seconds. Killing it."
    kill -9 "$pid" 2> /dev/null || true
  done
  wait_gone 5 "${stubborn[@]}"
  [ "${#live[@]}" -eq 0 ] || fail "$daemon daemon (pid: ${live[*]}) does not end even when killed."
  lock_pids
  for pid in "$@"; do forget "$pid"; done
  unlock_pids
}

stop() {
  local index pid
  lock_pids
  read_pids "$daemon"
  for ((index = ${#pids[@]} - 1; index >= 0; index--)); do
    pid="${pids[$index]}"
    check_pid "$daemon" "$pid"
    case "$pid_state" in
      alive)
        unlock_pids
        terminate "$pid"
        return 0
        ;;
      dead)
        echo "No $daemon daemon (pid: $pid) is running anymore on $HOSTNAME."
        forget "$pid"
        unlock_pids
        return 0
        ;;
    esac
  done
  unlock_pids
  echo "No $daemon daemon to stop on host $HOSTNAME."
}

stop_all() {
  local pid lines=() running=()
  lock_pids
  read_pids "$daemon"
  lines=("${pids[@]}")
  for pid in "${lines[@]}"; do
    check_pid "$daemon" "$pid"
    case "$pid_state" in
      alive) running+=("$pid") ;;
      dead)
        echo "Skipping $daemon daemon (pid: $pid), because it is not running anymore on $HOSTNAME."
        forget "$pid"
        ;;
    esac
  done
  unlock_pids
  if [ "${#running[@]}" -gt 0 ]; then
    terminate "${running[@]}"
  elif [ "${#lines[@]}" -eq 0 ]; then
    echo "No $daemon daemon to stop on host $HOSTNAME."
  fi
}

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
esac
if [ $# -lt 2 ]; then
  usage >&2
  exit 2
fi
action="$1" daemon="$2"
shift 2
arguments=("$@")
find_daemon "$daemon" # refuses an unknown one before anything is built
if [ -z "${FLOTT_SETTINGS_READ:-}" ]; then
  case "$action" in
    stop*) read_stop_settings ;;
    *)
      ensure_built
      read_settings
      ;;
  esac
fi

find_daemon "$daemon"
case "$action" in
  start) start ;;
  ensure) ensure_alike ;;
  ensure=[1-9] | ensure=[1-9][0-9] | ensure=[1-9][0-9][0-9]) ensure "${action#ensure=}" ;;
  stop) stop ;;
  stop=[1-9]*) stop_pid "${action#stop=}" ;;
  stop-all) stop_all ;;
  *)
    usage >&2
    exit 2
    ;;
esac
