#!/usr/bin/env bash
# Entry point of the container image. Commands: jobmanager, taskmanager, help; anything else is run as it is.
#
# Environment:
#   FLOTT_PROPERTIES         "key: value" lines that beat the configuration file
#   JOB_MANAGER_RPC_ADDRESS  where TaskManagers find the JobManager (this container's host name)
set -euo pipefail

usage() {
  cat << 'END'
Usage: docker-entrypoint.sh (jobmanager | taskmanager) [-D key=value]...
       docker-entrypoint.sh COMMAND [arguments]

FLOTT_PROPERTIES holds "key: value" lines that beat conf/config.yaml. Daemons of other containers reach this one only
if it listens beyond loopback. That is not the default: in a closed container network set
  security.allow-unauthenticated: true
and the daemons here listen on all interfaces.
END
}

trim() {
  local text="$1"
  text="${text#"${text%%[![:space:]]*}"}"
  printf %s "${text%"${text##*[![:space:]]}"}"
}

# Fills options with what the environment sets, weakest first: the last -D of a key holds.
read_environment() {
  local line key value unauthenticated=false settings=()
  while IFS= read -r line; do
    line="$(trim "$line")"
    case "$line" in "" | "#"*) continue ;; esac
    if [[ "$line" != *:* ]]; then
      echo "[ERROR] FLOTT_PROPERTIES: got \"$line\", allowed: lines of the form key: value" >&2
      exit 78
    fi
    key="$(trim "${line%%:*}")"
    value="$(trim "${line#*:}")"
    if [ "$key" = security.allow-unauthenticated ]; then unauthenticated="$value"; fi
    settings+=(-D "$key=$value")
  done <<< "${FLOTT_PROPERTIES:-}"

  options=(-D "jobmanager.rpc.address=${JOB_MANAGER_RPC_ADDRESS:-$HOSTNAME}")
  if [ "$unauthenticated" = true ]; then
    options+=(-D jobmanager.bind-host=0.0.0.0 -D rest.bind-address=0.0.0.0 -D taskmanager.bind-host=0.0.0.0)
  fi
  options+=("${settings[@]}")
}

case "${1:-help}" in
  jobmanager | taskmanager)
    command="$1"
    shift
    read_environment
    exec "$FLOTT_HOME/bin/$command.sh" start-foreground "${options[@]}" "$@"
    ;;
  help | -h | --help) usage ;;
  *) exec "$@" ;;
esac
