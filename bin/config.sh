#!/usr/bin/env bash
# Sourced by all scripts in this folder: finds Flott, its configuration and its binaries, and knows which
# daemons of this cluster run on this host. Not a command by itself.
#
# Environment (each beats its configuration key):
#   FLOTT_HOME          the distribution or source checkout    (where this script lies)
#   FLOTT_CONF_DIR      folder of config.yaml, workers, masters ($FLOTT_HOME/conf)
#   FLOTT_LOG_DIR       folder of log files                    (env.log.dir, $FLOTT_HOME/log)
#   FLOTT_PID_DIR       folder of pid files                    (env.pid.dir, /tmp)
#   FLOTT_LOG_MAX       older log files kept for each daemon   (env.log.max)
#   FLOTT_SSH_OPTS      options for ssh                        (env.ssh.opts)
#   FLOTT_IDENT_STRING  part of the names of pid and log files ($USER; with a FLOTT_CONF_DIR other than
#                       $FLOTT_HOME/conf also a checksum of it, so that clusters beside each other do not meet)
#   FLOTT_START_TIMEOUT seconds that a cluster may take to start (60)
#   FLOTT_STOP_TIMEOUT  seconds that a daemon may take to stop before it is killed (10)

# This file sets variables for the scripts that source it, and its functions take their own arguments.
# shellcheck disable=SC2034,SC2120

fail() {
  echo "[ERROR] $1" >&2
  exit "${2:-1}"
}

# Sets the variables that need nothing but the environment.
find_home() {
  local here="${BASH_SOURCE[0]}" wanted
  case "$here" in */*) here="${here%/*}" ;; *) here=. ;; esac
  FLOTT_BIN="$(cd -P "$here" && pwd -P)"
  wanted="${FLOTT_HOME:-$FLOTT_BIN/..}"
  FLOTT_HOME="$(cd -P "$wanted" 2> /dev/null && pwd -P)" || fail "The folder $wanted does not exist (FLOTT_HOME)."
  wanted="${FLOTT_CONF_DIR:-$FLOTT_HOME/conf}"
  FLOTT_CONF_DIR="$(cd -P "$wanted" 2> /dev/null && pwd -P)" || fail "The configuration folder $wanted does not exist (FLOTT_CONF_DIR)."

  if [ -z "${FLOTT_IDENT_STRING:-}" ]; then
    FLOTT_IDENT_STRING="${USER:-$(id -un)}"
    if [ "$FLOTT_CONF_DIR" != "$FLOTT_HOME/conf" ]; then
      local sum
      sum="$(printf %s "$FLOTT_CONF_DIR" | cksum)"
      FLOTT_IDENT_STRING+="-${sum%% *}"
    fi
  fi

  if [ -f "$FLOTT_HOME/Cargo.toml" ]; then
    FLOTT_LIBEXEC="${CARGO_TARGET_DIR:-target}/release"
    case "$FLOTT_LIBEXEC" in
      /*) ;;
      *) FLOTT_LIBEXEC="$FLOTT_HOME/$FLOTT_LIBEXEC" ;;
    esac
  else
    FLOTT_LIBEXEC="$FLOTT_HOME/libexec"
  fi
  export FLOTT_HOME FLOTT_CONF_DIR
}

# Makes sure that the binaries are there: in a source checkout, builds what is missing or older than its sources.
ensure_built() {
  if [ -f "$FLOTT_HOME/Cargo.toml" ] && [ -z "${FLOTT_BUILD_CHECKED:-}" ]; then
    "$FLOTT_BIN/build.sh" || fail "Flott could not be built, see above."
    # The scripts that this one calls need not look again.
    export FLOTT_BUILD_CHECKED=1
  fi
  [ -x "$FLOTT_LIBEXEC/flott" ] || fail "$FLOTT_LIBEXEC/flott is missing: this is neither a source checkout nor a complete release."
}

# Reads what the scripts need to know of the configuration. Arguments: -D options that beat the file.
# Ends the script with the exit code of the check (78) if the configuration is wrong; all its errors are printed then.
read_settings() {
  local output values=()
  output="$("$FLOTT_LIBEXEC/flott" config get "$@" env.log.dir env.pid.dir env.log.max env.ssh.opts \
    rest.port rest.bind-port rest.bind-address rest.address jobmanager.rpc.address jobmanager.rpc.port \
    jobmanager.bind-host high-availability.type high-availability.jobmanagers)" || exit $?
  mapfile -t values <<< "$output"
  FLOTT_LOG_DIR="${FLOTT_LOG_DIR:-${values[0]:-$FLOTT_HOME/log}}"
  FLOTT_PID_DIR="${FLOTT_PID_DIR:-${values[1]:-/tmp}}"
  FLOTT_LOG_MAX="${FLOTT_LOG_MAX:-${MAX_LOG_FILE_NUMBER:-${values[2]:-10}}}"
  FLOTT_SSH_OPTS="${FLOTT_SSH_OPTS:-${values[3]:-}}"
  case "$FLOTT_LOG_MAX" in
    *[!0-9]* | 0) fail "FLOTT_LOG_MAX is \"$FLOTT_LOG_MAX\"; allowed: a whole number from 1" ;;
  esac
  rest_client_port="${values[4]:-8081}"
  rest_port="${values[5]:-$rest_client_port}"
  rest_bind_address="${values[6]:-127.0.0.1}"
  rest_public_address="${values[7]:-${values[8]:-localhost}}"
  rpc_port="${values[9]:-6123}"
  rpc_bind_address="${values[10]:-127.0.0.1}"
  ha_type="${values[11]:-file}"
  ha_jobmanagers="${values[12]:-}"

  mkdir -p "$FLOTT_PID_DIR" || fail "Cannot make the folder of pid files (FLOTT_PID_DIR, env.pid.dir)."
  mkdir -p "$FLOTT_LOG_DIR" || fail "Cannot make the folder of log files (FLOTT_LOG_DIR, env.log.dir)."
  [ -w "$FLOTT_PID_DIR" ] || fail "Cannot write pid files to $FLOTT_PID_DIR (FLOTT_PID_DIR, env.pid.dir)."
  [ -w "$FLOTT_LOG_DIR" ] || fail "Cannot write log files to $FLOTT_LOG_DIR (FLOTT_LOG_DIR, env.log.dir)."
  FLOTT_PID_DIR="$(cd -P "$FLOTT_PID_DIR" && pwd -P)"
  FLOTT_LOG_DIR="$(cd -P "$FLOTT_LOG_DIR" && pwd -P)"
  # Scripts that this one calls need not read it all again.
  FLOTT_SETTINGS_READ=1
  export FLOTT_LOG_DIR FLOTT_PID_DIR FLOTT_LOG_MAX FLOTT_SSH_OPTS FLOTT_SETTINGS_READ
}

# Reads what stopping needs. A configuration that was broken since the start must not keep a cluster from being stopped:
# then settings_unread is not empty.
read_stop_settings() {
  local output="" values=()
  settings_unread=""
  if [ ! -x "$FLOTT_LIBEXEC/flott" ]; then
    settings_unread=yes
  elif ! output="$("$FLOTT_LIBEXEC/flott" config get env.pid.dir env.ssh.opts high-availability.type)"; then
    settings_unread=yes
    echo "[WARN] The configuration cannot be read: looking for pid files in ${FLOTT_PID_DIR:-/tmp}." >&2
  fi
  mapfile -t values <<< "$output"
  FLOTT_PID_DIR="${FLOTT_PID_DIR:-${values[0]:-/tmp}}"
  FLOTT_SSH_OPTS="${FLOTT_SSH_OPTS:-${values[1]:-}}"
  ha_type="${values[2]:-file}"
  # The ports do not matter when all that runs is stopped.
  rest_client_port=8081 rpc_port=6123
  # Without the folder nothing was started; the messages come out the same.
  if [ -d "$FLOTT_PID_DIR" ]; then FLOTT_PID_DIR="$(cd -P "$FLOTT_PID_DIR" && pwd -P)"; fi
  FLOTT_SETTINGS_READ=1
  export FLOTT_PID_DIR FLOTT_SSH_OPTS FLOTT_SETTINGS_READ
}

# Sets binary and pid_file to those of daemon $1.
find_daemon() {
  case "$1" in
    standalonesession) binary="$FLOTT_LIBEXEC/jobmanager" ;;
    taskexecutor) binary="$FLOTT_LIBEXEC/taskmanager" ;;
    *) fail "Unknown daemon \"$1\": standalonesession and taskexecutor are known." 2 ;;
  esac
  pid_file="${FLOTT_PID_DIR:-}/flott-$FLOTT_IDENT_STRING-$1.pid"
}

# Path of log number $2 of daemon $1, without extension.
log_prefix_of() { echo "$FLOTT_LOG_DIR/flott-$FLOTT_IDENT_STRING-$1-$2-$HOSTNAME"; }

# Reads the first arguments of process $1 to process_arguments, and from its environment what flott-daemon.sh put there to
# process_pid_file, process_conf_dir and process_ready_file. All stay empty if the process is gone, not ours to look at, or
# no daemon.
read_process() {
  local variables variable stat tries=0
  process_arguments=() process_pid_file="" process_conf_dir="" process_ready_file=""
  while true; do
    { mapfile -d '' -t -n 3 process_arguments < "/proc/$1/cmdline"; } 2> /dev/null || return 0
    { mapfile -d '' -t variables < "/proc/$1/environ"; } 2> /dev/null || return 0
    if [ "${#process_arguments[@]}" -gt 0 ] && [ "${#variables[@]}" -gt 0 ]; then break; fi
    # Both are empty while a process is about to become another program, and after its end (Z) until it is reaped.
    { read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 0
    case "${stat##*) }" in Z* | X*) return 0 ;; esac
    tries=$((tries + 1))
    if [ "$tries" -gt 50 ]; then return 0; fi
    pause 0.001
  done
  for variable in "${variables[@]}"; do
    case "$variable" in
      FLOTT_PID_FILE=*) process_pid_file="${variable#*=}" ;;
      FLOTT_CONF_DIR=*) process_conf_dir="${variable#*=}" ;;
      FLOTT_READY_FILE=*) process_ready_file="${variable#*=}" ;;
    esac
  done
}

# Tells what became of pid $2 in the pid file of daemon $1. Sets pid_state to
#   alive   it is this cluster's daemon and runs,
#   other   it is the daemon of another cluster that shares the pid file (two checkouts of one user),
#   dead    it is gone; its number may belong to any other process by now.
# A number says little, since the system uses it again. So the process itself is asked: its program, and the pid
# file and configuration that flott-daemon.sh gave it in its environment. (Task hosts inherit that, hence the program.)
check_pid() {
  local pid="$2" binary pid_file argument
  pid_state=dead
  case "$pid" in "" | *[!0-9]*) return 0 ;; esac
  read_process "$pid"
  find_daemon "$1"
  [ "$process_pid_file" = "$pid_file" ] || return 0
  for argument in "${process_arguments[@]}"; do
    if [ "${argument##*/}" = "${binary##*/}" ]; then
      if [ "$process_conf_dir" = "$FLOTT_CONF_DIR" ]; then pid_state=alive; else pid_state=other; fi
      return 0
    fi
  done
}

# Sets pids to the lines of daemon $1's pid file.
read_pids() {
  local binary pid_file
  find_daemon "$1"
  pids=()
  if [ -f "$pid_file" ]; then mapfile -t pids < "$pid_file"; fi
}

# Sets live_pids to this cluster's running daemons of kind $1, in the order of their start.
find_live_pids() {
  local pid
  live_pids=()
  read_pids "$1"
  for pid in "${pids[@]}"; do
    check_pid "$1" "$pid"
    if [ "$pid_state" = alive ]; then live_pids+=("$pid"); fi
  done
}

# Sets alike_pid to this cluster's running daemon of kind $1 that was started with the further arguments; empty if there is
# none.
find_alike() {
  local daemon="$1" pid words=()
  shift
  alike_pid=""
  find_live_pids "$daemon"
  for pid in "${live_pids[@]}"; do
    { mapfile -d '' -t words < "/proc/$pid/cmdline"; } 2> /dev/null || continue
    if [ "${#words[@]}" -lt $# ]; then continue; fi
    # The separator is in no argument.
    if [ "$(printf '%s\n' "${words[@]:${#words[@]}-$#}")" = "$(printf '%s\n' "$@")" ]; then alike_pid="$pid"; fi
  done
}

# Waits $1 seconds without starting a process: polls stay cheap.
pause() {
  if [ -z "${pause_fd:-}" ]; then exec {pause_fd}<> <(:); fi
  read -rt "$1" -u "$pause_fd" || true
}

# Holds all other starts and stops that use the same pid folder until unlock_pids.
lock_pids() {
  if command -v flock > /dev/null && [ -d "$FLOTT_PID_DIR" ]; then
    exec {lock_fd}< "$FLOTT_PID_DIR"
    flock "$lock_fd"
  fi
}

unlock_pids() {
  if [ -n "${lock_fd:-}" ]; then
    exec {lock_fd}<&-
    lock_fd=""
  fi
}

# Prints the end of what the daemon with log prefix $1 has said, so that its user sees why it failed.
show_log_tail() {
  local file
  for file in "$1.log" "$1.out"; do
    if [ -s "$file" ]; then
      echo "--- the end of $file" >&2
      tail -n 20 "$file" >&2
    fi
  done
}

# Sets rest_host to the host where processes of this host reach a server that listens at address $1.
find_rest_host() {
  case "$1" in
    0.0.0.0) rest_host=127.0.0.1 ;;
    ::) rest_host="[::1]" ;;
    \[*) rest_host="$1" ;;
    *:*) rest_host="[$1]" ;;
    *) rest_host="$1" ;;
  esac
}

# Sets rest_url, where this host reaches the JobManager. $1: pid of a JobManager whose port is not known beforehand
# (rest.bind-port is a range, or 0): then its ready file is read, if it is there already.
find_rest_url() {
  rest_url=""
  case "$rest_port" in
    *-* | 0)
      read_process "$1"
      if [ -s "$process_ready_file" ]; then read -r rest_url < "$process_ready_file" || true; fi
      ;;
    *)
      find_rest_host "$rest_bind_address"
      rest_url="http://$rest_host:$rest_port"
      ;;
  esac
}

# Waits until the JobManager with pid $1 serves REST, $2 TaskManagers are registered, and all of the further pids live.
# Returns 1, with the reason on stderr, if one of them ends or the time is over.
wait_ready() {
  local jobmanager_pid="$1" taskmanagers="$2" timeout="${FLOTT_START_TIMEOUT:-60}" started=$SECONDS
  shift 2
  find_rest_url "$jobmanager_pid"
  while [ -z "$rest_url" ]; do
    check_pid standalonesession "$jobmanager_pid"
    if [ "$pid_state" != alive ]; then
      echo "[ERROR] The JobManager (pid: $jobmanager_pid) ended." >&2
      return 1
    elif [ $((SECONDS - started)) -ge "$timeout" ]; then
      echo "[ERROR] The JobManager (pid: $jobmanager_pid) served no REST port within $timeout s." >&2
      return 1
    fi
    pause 0.02
    find_rest_url "$jobmanager_pid"
  done
  wait_complete "$rest_url" "$taskmanagers" "$jobmanager_pid" "$@"
}

# Waits until one of the JobManagers that serve REST at $1 (with commas between them) leads, $2 TaskManagers are registered
# there, and all of the further pids live. With wait_options=(--serving) it need not lead. Returns 1 as wait_ready does.
wait_complete() {
  local rest="$1" taskmanagers="$2" timeout="${FLOTT_START_TIMEOUT:-60}" arguments=() pid
  shift 2
  for pid in "$@"; do arguments+=(--pid "$pid"); done
  "$FLOTT_LIBEXEC/flott" wait-ready --rest "$rest" --taskmanagers "$taskmanagers" --timeout "$timeout" \
    "${wait_options[@]}" "${arguments[@]}"
}
wait_options=()

# Reads conf/masters, with the settings read before. Sets master_hosts, master_webui_ports and master_rpc_ports, in the order
# of the lines (an IPv6 address keeps its brackets), and masters_rpc to all host:rpc-port, with commas between them. Where a
# line has no ports it is the configured ones, or for a further JobManager of the same host the ones after these.
read_masters() {
  local file="$FLOTT_CONF_DIR/masters" line number=0 host webui rpc nth
  local form='^(\[[^][]+\]|[^]:[]+)(:([1-9][0-9]{0,4}))?(:([1-9][0-9]{0,4}))?$'
  [ -f "$file" ] || fail "No masters file. Please specify JobManagers in '$file', one a line: host[:webui-port[:rpc-port]]"
  master_hosts=() master_webui_ports=() master_rpc_ports=() masters_rpc=""
  local -A seen=()
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line="${line%%#*}"
    line="${line//[[:space:]]/}"
    if [ -z "$line" ]; then continue; fi
    [[ "$line" =~ $form ]] || fail "$file:$number: got \"$line\", allowed: host[:webui-port[:rpc-port]]" 78
    host="${BASH_REMATCH[1]}" webui="${BASH_REMATCH[3]}" rpc="${BASH_REMATCH[5]}"
    nth="${seen[$host]:-0}"
    seen[$host]=$((nth + 1))
    master_hosts+=("$host")
    master_webui_ports+=("${webui:-$((rest_client_port + nth))}")
    master_rpc_ports+=("${rpc:-$((rpc_port + nth))}")
    masters_rpc+="${masters_rpc:+,}$host:${master_rpc_ports[-1]}"
  done < "$file"
  [ "${#master_hosts[@]}" -gt 0 ] || fail "There is no JobManager in '$file'."
}

# Whether several JobManagers make up the cluster, those of conf/masters.
has_standbys() { [ "${ha_type,,}" = etcd ]; }

# Reads conf/workers. Sets worker_hosts to the hosts, each once, in their order, and worker_count[HOST] to how often it
# stands there.
read_workers() {
  local file="$FLOTT_CONF_DIR/workers" line
  [ -f "$file" ] || fail "No workers file. Please specify workers in '$file'."
  worker_hosts=()
  declare -gA worker_count=()
  while IFS= read -r line || [ -n "$line" ]; do
    line="${line%%#*}"
    line="${line//[[:space:]]/}"
    line="${line##*/}" # a topology prefix such as /rack1/host
    if [ -z "$line" ]; then continue; fi
    if [ -z "${worker_count[$line]:-}" ]; then worker_hosts+=("$line"); fi
    worker_count[$line]=$((${worker_count[$line]:-0} + 1))
  done < "$file"
}

is_local() {
  case "$1" in
    localhost | 127.0.0.1 | ::1 | "[::1]" | "$HOSTNAME") return 0 ;;
    *) return 1 ;;
  esac
}

# Runs script $2 of this folder with the further arguments on host $1, with the same configuration.
run_on_host() {
  local host="$1" script="$2" command options=()
  shift 2
  printf -v command '%q ' env FLOTT_CONF_DIR="$FLOTT_CONF_DIR" FLOTT_IDENT_STRING="$FLOTT_IDENT_STRING" \
    /bin/bash -l "$FLOTT_HOME/bin/$script" "$@"
  # Options are separated by spaces, as in Flink.
  read -ra options <<< "$FLOTT_SSH_OPTS"
  ssh -n "${options[@]}" "$host" -- "$command"
}

find_home
