#!/usr/bin/env bash
# Starts or stops TaskManagers on this host.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=config.sh
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/config.sh"

usage() {
  cat << 'END'
Usage: taskmanager.sh (start | start-foreground | ensure=N) [-D key=value]...
       taskmanager.sh stop | stop-all

  start             start a further TaskManager; it registers at the JobManager by itself
  start-foreground  the same in this process, logging to stdout
  ensure=N          start TaskManagers until N of this cluster run on this host
  stop, stop-all    stop the one that was started last, or all
  -D key=value      any option of docs/configuration.md; beats the file
END
}

action="${1:-}"
if [ $# -gt 0 ]; then shift; fi
arguments=()
case "$action" in
  start | start-foreground | ensure=*)
    while [ $# -gt 0 ]; do
      case "$1" in
        -D)
          [ $# -gt 1 ] || fail "-D needs key=value." 2
          arguments+=(-D "$2")
          shift 2
          ;;
        -D?*)
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
  stop | stop-all) exec "$FLOTT_BIN/flott-daemon.sh" "$action" taskexecutor ;;
esac
ensure_built
read_settings "${arguments[@]}"
if has_standbys && [ -z "$ha_jobmanagers" ]; then
  read_masters
  arguments+=(-D "high-availability.jobmanagers=$masters_rpc")
fi

if [ "$action" = start-foreground ]; then
  unset FLOTT_LOG_FILE FLOTT_OUT_FILE FLOTT_READY_FILE FLOTT_PID_FILE
  find_daemon taskexecutor
  exec "$binary" --configDir "$FLOTT_CONF_DIR" "${arguments[@]}"
fi
exec "$FLOTT_BIN/flott-daemon.sh" "$action" taskexecutor "${arguments[@]}"
