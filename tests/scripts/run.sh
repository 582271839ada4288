#!/usr/bin/env bash
# Tests of the scripts in bin/, with a fake of the binaries (fake_flott) in releases made for each case.
#
# Usage: run.sh [CASE]...     a case is the name of a function test_CASE below
set -uo pipefail

here="$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
repo="$(cd -P "$here/../.." && pwd -P)"

# What the caller has set must not reach the scripts.
unset FLOTT_HOME FLOTT_CONF_DIR FLOTT_LOG_DIR FLOTT_PID_DIR FLOTT_IDENT_STRING FLOTT_LOG_MAX MAX_LOG_FILE_NUMBER FLOTT_SSH_OPTS
unset FLOTT_BUILD_CHECKED FLOTT_SETTINGS_READ
export USER=tester
# The interpreter itself: python3 may be a script that starts it by detours, which a daemon's binary does not.
python="$(python3 -c 'import sys; print(sys.executable)')"

# --- what the cases use -----------------------------------------------------------------------------------------

# Makes an unpacked release at $1 with $2 workers, on ports of its own.
make_release() {
  local home="$1" workers="$2" number
  mkdir -p "$home/libexec" "$home/conf"
  cp -R "$repo/bin" "$home/bin"
  for number in jobmanager taskmanager flott; do make_fake "$home/libexec/$number"; done
  make_conf "$home/conf" "$workers"
}

make_fake() {
  { echo "#!$python"; tail -n +2 "$here/fake_flott"; } > "$1"
  chmod +x "$1"
}

make_conf() {
  local dir="$1" number
  mkdir -p "$dir"
  : > "$dir/workers"
  for ((number = 0; number < $2; number++)); do echo "localhost" >> "$dir/workers"; done
  printf 'rest.port: %s\njobmanager.rpc.port: %s\nenv.pid.dir: %s\n' "$(free_port)" "$(free_port)" "$sandbox/pids" > "$dir/config.yaml"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Runs a command; keeps its output and exit code in $output and $code.
run() {
  output="$("$@" 2>&1)"
  code=$?
}

expect_code() { [ "$code" -eq "$1" ] || flunk "exit code $code instead of $1, output: $output"; }

expect_output() { [[ "$output" == *"$1"* ]] || flunk "no \"$1\" in: $output"; }

expect_no_output() { [[ "$output" != *"$1"* ]] || flunk "\"$1\" in: $output"; }

# Pids of all fakes of this case's sandbox that run, of kind $1 (jobmanager, taskmanager), in folder $2.
pids_of() {
  local home="${2:-$sandbox}" pid
  for pid in $(pgrep -f "$home.*/libexec/$1" || true); do
    if [ "$(ps -o stat= -p "$pid" | cut -c1)" != Z ]; then echo "$pid"; fi
  done
}

expect_running() {
  local found
  found="$(pids_of "$1" "${3:-$sandbox}" | wc -l)"
  [ "$found" -eq "$2" ] || flunk "$found processes $1 instead of $2, output: $output"
}

flunk() {
  echo "  line ${BASH_LINENO[1]}: $1"
  exit 1
}

# --- cases ------------------------------------------------------------------------------------------------------

test_start_and_stop_in_a_path_with_spaces() {
  local home="$sandbox/a dir with spaces & more"
  make_release "$home" 2
  cd /
  run "$home/bin/start-cluster.sh"
  expect_code 0
  expect_output "Starting cluster."
  expect_output "Starting standalonesession daemon on host $HOSTNAME."
  expect_output "Dashboard: http://localhost:"
  expect_running jobmanager 1
  expect_running taskmanager 2
  [ "$(wc -l < "$sandbox/pids/flott-tester-taskexecutor.pid")" -eq 2 ] || flunk "not two lines in the pid file"
  [ "$(cat "$sandbox/pids/flott-tester-standalonesession.pid")" = "$(pids_of jobmanager)" ] || flunk "another pid in the pid file"
  grep -q "jobmanager starts" "$home/log/flott-tester-standalonesession-0-$HOSTNAME.log" || flunk "no log"
  grep -q "stdout of" "$home/log/flott-tester-standalonesession-0-$HOSTNAME.out" || flunk "no .out"
  [ -e "$home/log/flott-tester-taskexecutor-1-$HOSTNAME.log" ] || flunk "no log of the second TaskManager"

  run "$home/bin/stop-cluster.sh"
  expect_code 0
  expect_output "Stopping taskexecutor daemon (pid: "
  expect_running jobmanager 0
  expect_running taskmanager 0
  [ -z "$(ls "$sandbox/pids")" ] || flunk "left in the pid folder: $(ls "$sandbox/pids")"
}

test_scripts_work_through_symlinks() {
  make_release "$sandbox/home" 1
  mkdir "$sandbox/else where"
  ln -s "../home/bin/start-cluster.sh" "$sandbox/else where/start"
  ln -s "$sandbox/else where/start" "$sandbox/start again"
  ln -s "$sandbox/home" "$sandbox/linked home"
  cd "$sandbox" || exit 1
  run "./start again"
  expect_code 0
  run "linked home/bin/stop-cluster.sh"
  expect_code 0
  expect_running jobmanager 0
  expect_running taskmanager 0
}

test_starting_and_stopping_twice_is_safe() {
  make_release "$sandbox/home" 2
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  expect_output "The JobManager is already running"
  expect_output "2 instance(s) of taskexecutor are already running"
  expect_running jobmanager 1
  expect_running taskmanager 2
  run "$sandbox/home/bin/stop-cluster.sh"
  expect_code 0
  run "$sandbox/home/bin/stop-cluster.sh"
  expect_code 0
  expect_output "No taskexecutor daemon to stop on host $HOSTNAME."
  expect_output "No standalonesession daemon to stop on host $HOSTNAME."
}

test_starts_at_once_make_one_cluster() {
  make_release "$sandbox/home" 2
  "$sandbox/home/bin/start-cluster.sh" > "$sandbox/first" 2>&1 &
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  wait $! || flunk "the other start failed: $(cat "$sandbox/first")"
  expect_running jobmanager 1
  expect_running taskmanager 2
}

test_a_second_start_replaces_what_died() {
  make_release "$sandbox/home" 2
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  kill -9 "$(pids_of taskmanager | head -n 1)"
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  expect_running taskmanager 2
  run "$sandbox/home/bin/stop-cluster.sh"
  expect_code 0
  expect_output "because it is not running anymore on $HOSTNAME."
  expect_running taskmanager 0
}

test_a_jobmanager_that_dies_shows_its_log() {
  make_release "$sandbox/home" 1
  echo "test.jobmanager-dies: yes" >> "$sandbox/home/conf/config.yaml"
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 1
  expect_output "the reason why it dies"
  expect_output "it died"
  expect_running taskmanager 0
  [ -z "$(ls "$sandbox/pids")" ] || flunk "left in the pid folder: $(ls "$sandbox/pids")"
}

test_a_taskmanager_that_dies_shows_its_log() {
  make_release "$sandbox/home" 1
  echo "test.taskmanager-dies: yes" >> "$sandbox/home/conf/config.yaml"
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 1
  expect_output "no such luck"
}

test_a_taskmanager_that_does_not_register_shows_its_log() {
  make_release "$sandbox/home" 1
  echo "test.taskmanager-lonely: yes" >> "$sandbox/home/conf/config.yaml"
  FLOTT_START_TIMEOUT=1 run "$sandbox/home/bin/start-cluster.sh"
  expect_code 1
  expect_output "cannot reach the jobmanager"
  expect_output "stop-cluster.sh"
  run "$sandbox/home/bin/stop-cluster.sh"
  expect_running taskmanager 0
}

test_a_port_in_use_is_named() {
  make_release "$sandbox/home" 1
  python3 -c '
import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(60)' > "$sandbox/port" &
  local blocker=$!
  until [ -s "$sandbox/port" ]; do sleep 0.01; done
  sed -i "s/^rest.port:.*/rest.port: $(cat "$sandbox/port")/" "$sandbox/home/conf/config.yaml"
  run "$sandbox/home/bin/start-cluster.sh"
  kill "$blocker"
  expect_code 1
  expect_output "Port $(cat "$sandbox/port") on 127.0.0.1 is in use by another process"
  expect_running jobmanager 0
  expect_running taskmanager 0
}

test_a_process_that_got_the_number_of_a_dead_daemon_lives_on() {
  make_release "$sandbox/home" 1
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  run "$sandbox/home/bin/stop-cluster.sh"
  sleep 60 &
  local innocent=$!
  # One that even looks like ours, but was not started by this cluster.
  make_fake "$sandbox/taskmanager"
  "$sandbox/taskmanager" --configDir "$sandbox/home/conf" > /dev/null 2>&1 &
  local lookalike=$!
  printf '%s\n' "$lookalike" "$innocent" > "$sandbox/pids/flott-tester-taskexecutor.pid"
  echo "$innocent" > "$sandbox/pids/flott-tester-standalonesession.pid"
  run "$sandbox/home/bin/stop-cluster.sh"
  expect_code 0
  expect_output "Skipping taskexecutor daemon (pid: $innocent)"
  kill -0 "$innocent" || flunk "killed a process that is none of ours"
  kill -0 "$lookalike" || flunk "killed somebody else's TaskManager"
  kill "$innocent" "$lookalike"
}

test_garbage_in_a_pid_file_harms_nobody() {
  make_release "$sandbox/home" 1
  mkdir -p "$sandbox/pids"
  printf '%s\n' "" "-1" "0" "1" "abc" "99999999999999999999" "*" > "$sandbox/pids/flott-tester-taskexecutor.pid"
  run "$sandbox/home/bin/stop-cluster.sh"
  expect_code 0
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  expect_running taskmanager 1
}

test_a_daemon_that_does_not_listen_is_killed() {
  make_release "$sandbox/home" 1
  echo "test.ignore-term: yes" >> "$sandbox/home/conf/config.yaml"
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  FLOTT_STOP_TIMEOUT=1 run "$sandbox/home/bin/stop-cluster.sh"
  expect_code 0
  expect_output "didn't stop within 1 seconds. Killing it."
  expect_running jobmanager 0
  expect_running taskmanager 0
}

test_two_configurations_side_by_side() {
  make_release "$sandbox/home" 1
  make_conf "$sandbox/other conf" 2
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  FLOTT_CONF_DIR="$sandbox/other conf" run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  expect_no_output "already running"
  expect_running jobmanager 2
  expect_running taskmanager 3
  [ "$(find "$sandbox/home/log" -name '*.log' | wc -l)" -eq 5 ] || flunk "logs: $(ls "$sandbox/home/log")"
  run "$sandbox/home/bin/stop-cluster.sh"
  expect_code 0
  expect_running jobmanager 1
  expect_running taskmanager 2
  FLOTT_CONF_DIR="$sandbox/other conf" run "$sandbox/home/bin/stop-cluster.sh"
  expect_code 0
  expect_running jobmanager 0
  expect_running taskmanager 0
}

test_two_checkouts_that_share_a_pid_file() {
  make_release "$sandbox/one" 1
  make_release "$sandbox/two" 1
  run "$sandbox/one/bin/start-cluster.sh"
  expect_code 0
  run "$sandbox/two/bin/start-cluster.sh"
  expect_code 0
  expect_running jobmanager 1 "$sandbox/one"
  expect_running jobmanager 1 "$sandbox/two"
  [ "$(wc -l < "$sandbox/pids/flott-tester-standalonesession.pid")" -eq 2 ] || flunk "not two lines"
  run "$sandbox/one/bin/stop-cluster.sh"
  expect_code 0
  expect_running jobmanager 0 "$sandbox/one"
  expect_running jobmanager 1 "$sandbox/two"
  expect_running taskmanager 1 "$sandbox/two"
  run "$sandbox/two/bin/stop-cluster.sh"
  expect_running jobmanager 0 "$sandbox/two"
}

test_a_broken_configuration_stops_the_start_but_not_the_stop() {
  make_release "$sandbox/home" 1
  export FLOTT_PID_DIR="$sandbox/pids"
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  echo "broken: x" >> "$sandbox/home/conf/config.yaml"
  run "$sandbox/home/bin/jobmanager.sh" start
  expect_code 78
  expect_output "config.yaml:1: broken"
  run "$sandbox/home/bin/stop-cluster.sh"
  expect_code 0
  expect_running jobmanager 0
}

test_start_adds_a_taskmanager_and_stop_takes_the_last() {
  make_release "$sandbox/home" 1
  run "$sandbox/home/bin/taskmanager.sh" start
  expect_code 0
  local first
  first="$(pids_of taskmanager)"
  run "$sandbox/home/bin/taskmanager.sh" start -D some.key=1
  expect_code 0
  expect_output "[INFO] 1 instance(s) of taskexecutor are already running on $HOSTNAME."
  expect_running taskmanager 2
  run "$sandbox/home/bin/taskmanager.sh" stop
  expect_code 0
  [ "$(pids_of taskmanager)" = "$first" ] || flunk "stopped the first instead of the last"
  run "$sandbox/home/bin/taskmanager.sh" stop-all
  expect_running taskmanager 0
}

test_a_second_jobmanager_start_names_the_first() {
  make_release "$sandbox/home" 1
  run "$sandbox/home/bin/jobmanager.sh" start
  expect_code 0
  run "$sandbox/home/bin/jobmanager.sh" start
  expect_code 1
  expect_output "is in use by this cluster's JobManager (pid: $(pids_of jobmanager))"
  expect_running jobmanager 1
}

test_host_and_port_arguments_reach_the_jobmanager() {
  make_release "$sandbox/home" 1
  local port
  port="$(free_port)"
  run "$sandbox/home/bin/jobmanager.sh" start localhost "$port" -Dsome.key=1 -D "other.key=a b"
  expect_code 0
  run ps -o args= -p "$(pids_of jobmanager)"
  expect_output "--host localhost --webui-port $port -D some.key=1 -D other.key=a b"
  (exec 3<> "/dev/tcp/127.0.0.1/$port") || flunk "does not listen at $port"
}

test_a_range_of_ports_is_waited_for() {
  make_release "$sandbox/home" 1
  local port
  port="$(free_port)"
  sed -i "s/^rest.port:.*/rest.bind-port: $port-$((port + 5))/" "$sandbox/home/conf/config.yaml"
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  expect_output "Dashboard: http://localhost:$port"
}

test_foreground_is_the_daemon_itself() {
  make_release "$sandbox/home" 1
  "$sandbox/home/bin/taskmanager.sh" start-foreground > "$sandbox/output" 2>&1 &
  local pid=$!
  until grep -q "taskmanager starts" "$sandbox/output"; do sleep 0.01; done
  [ "$(pids_of taskmanager)" = "$pid" ] || flunk "another process than the script's"
  [ ! -e "$sandbox/pids/flott-tester-taskexecutor.pid" ] || flunk "has a pid file"
  kill "$pid"
  wait "$pid" || flunk "did not end well"
}

test_logs_rotate() {
  make_release "$sandbox/home" 1
  echo "env.log.max: 2" >> "$sandbox/home/conf/config.yaml"
  local log="$sandbox/home/log/flott-tester-taskexecutor-0-$HOSTNAME.log" number
  for number in 1 2 3 4; do
    run "$sandbox/home/bin/taskmanager.sh" start -D "number=$number"
    until grep -q starts "$log"; do sleep 0.01; done
    echo "run $number" >> "$log"
    run "$sandbox/home/bin/taskmanager.sh" stop
  done
  run cat "$log" "$log.1" "$log.2"
  [ "$(grep run <<< "$output" | tr '\n' ' ')" = "run 4 run 3 run 2 " ] || flunk "wrong order: $output"
  [ ! -e "$log.3" ] || flunk "more than env.log.max older ones"
}

test_daemons_outlive_their_terminal_and_hold_nothing_of_it() {
  make_release "$sandbox/home" 1
  # Ends only when everybody who has the pipe open has let go of it.
  run timeout 20 setsid bash -c "\"$sandbox/home/bin/taskmanager.sh\" start; kill -HUP 0"
  [ "$code" -ne 124 ] || flunk "the daemon holds the pipe of the script"
  expect_running taskmanager 1
  local pid
  pid="$(pids_of taskmanager)"
  [ "$(ps -o sid= -p "$pid" | tr -d ' ')" = "$pid" ] || flunk "no session of its own"
  [ "$(readlink "/proc/$pid/fd/0")" = /dev/null ] || flunk "stdin is not /dev/null"
  flock -n "$sandbox/pids" true || flunk "the daemon holds the lock"
}

test_other_hosts_are_reached_by_ssh() {
  make_release "$sandbox/my home" 1
  printf '%s\n' "# hosts" "localhost" "" "/rack1/far" "far # again" >> "$sandbox/my home/conf/workers"
  mkdir "$sandbox/tools"
  # Stands for ssh: runs the command here, with another pid folder as on another machine.
  cat > "$sandbox/tools/ssh" << END
#!/usr/bin/env bash
echo "ssh \$*" >> "$sandbox/ssh-calls"
FLOTT_PID_DIR="$sandbox/far pids" exec bash -c "\${!#}"
END
  chmod +x "$sandbox/tools/ssh"
  PATH="$sandbox/tools:$PATH" FLOTT_SSH_OPTS="-p 2222" run "$sandbox/my home/bin/start-cluster.sh"
  expect_code 0
  expect_output "4 TaskManager(s)"
  expect_running taskmanager 4
  grep -q -- "ssh -n -p 2222 far -- " "$sandbox/ssh-calls" || flunk "$(cat "$sandbox/ssh-calls")"
  [ "$(wc -l < "$sandbox/far pids/flott-tester-taskexecutor.pid")" -eq 2 ] || flunk "not two on the other host"
  PATH="$sandbox/tools:$PATH" run "$sandbox/my home/bin/stop-cluster.sh"
  expect_code 0
  expect_running taskmanager 0
}

# Makes an unpacked release at $1 with one worker and several JobManagers, each further argument a line of conf/masters.
make_ha_release() {
  local home="$1"
  shift
  make_release "$home" 1
  printf 'high-availability.type: etcd\n' >> "$home/conf/config.yaml"
  printf '%s\n' "# the JobManagers" "$@" > "$home/conf/masters"
}

# Prints the arguments of all fakes of kind $1, sorted.
arguments_of() {
  local pid
  for pid in $(pids_of "$1"); do ps -o args= -p "$pid"; done | sed 's/.*--configDir [^ ]* *//' | sort
}

test_several_jobmanagers_on_one_host() {
  local home="$sandbox/home" web=() rpc=() number
  for number in 0 1 2; do
    web+=("$(free_port)")
    rpc+=("$(free_port)")
  done
  make_ha_release "$home" "localhost:${web[0]}:${rpc[0]}" "" "localhost : ${web[1]} : ${rpc[1]} # spaces" "127.0.0.1:${web[2]}:${rpc[2]}"
  run "$home/bin/start-cluster.sh"
  expect_code 0
  expect_output "Starting HA cluster with 3 masters."
  expect_output "3 JobManager(s) and 1 TaskManager(s). Dashboard, at each of them: http://localhost:${web[0]}, http://localhost:${web[1]}, "
  expect_running jobmanager 3
  run arguments_of jobmanager
  expect_output "--host localhost --webui-port ${web[0]} -D jobmanager.rpc.port=${rpc[0]}"
  expect_output "--host localhost --webui-port ${web[1]} -D jobmanager.rpc.port=${rpc[1]}"
  expect_output "--host 127.0.0.1 --webui-port ${web[2]} -D jobmanager.rpc.port=${rpc[2]}"
  run arguments_of taskmanager
  expect_output "-D high-availability.jobmanagers=localhost:${rpc[0]},localhost:${rpc[1]},127.0.0.1:${rpc[2]}"

  # What runs stays, what died is replaced.
  local before after
  before="$(pids_of jobmanager)"
  kill -9 "$(sed -n 2p "$sandbox/pids/flott-tester-standalonesession.pid")"
  run "$home/bin/start-cluster.sh"
  expect_code 0
  expect_output "The JobManager is already running on $HOSTNAME"
  expect_running jobmanager 3
  after="$(pids_of jobmanager)"
  [ "$(printf '%s\n' "$before" "$after" | sort | uniq -d | wc -l)" -eq 2 ] || flunk "other ones were started anew: $before / $after"

  run "$home/bin/stop-cluster.sh"
  expect_code 0
  expect_running jobmanager 0
  expect_running taskmanager 0
  [ -z "$(ls "$sandbox/pids")" ] || flunk "left in the pid folder: $(ls "$sandbox/pids")"
}

test_a_port_of_others_is_no_running_jobmanager() {
  local port
  make_ha_release "$sandbox/home" "localhost:$(free_port):$(free_port)"
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  python3 -c '
import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(60)' > "$sandbox/port" &
  local blocker=$!
  until [ -s "$sandbox/port" ]; do sleep 0.01; done
  port="$(cat "$sandbox/port")"
  run "$sandbox/home/bin/jobmanager.sh" ensure localhost "$port" "$(free_port)"
  kill "$blocker"
  expect_code 1
  expect_output "Port $port on 127.0.0.1 is in use by another process"
  expect_no_output "already running"
  expect_running jobmanager 1
}

test_jobmanagers_on_other_hosts_are_stopped_without_a_configuration() {
  local home="$sandbox/home"
  make_ha_release "$home" "localhost:$(free_port):$(free_port)" "far:$(free_port):$(free_port)"
  mkdir "$sandbox/tools"
  printf '#!/bin/sh\necho "ssh $*" >> "%s/ssh-calls"\n' "$sandbox" > "$sandbox/tools/ssh"
  chmod +x "$sandbox/tools/ssh"
  run "$home/bin/jobmanager.sh" start
  expect_code 0
  echo "broken: x" >> "$home/conf/config.yaml"
  FLOTT_PID_DIR="$sandbox/pids" PATH="$sandbox/tools:$PATH" run "$home/bin/stop-cluster.sh"
  expect_code 0
  expect_output "[WARN] The configuration cannot be read"
  expect_running jobmanager 0
  grep -q -- "ssh -n far -- .*jobmanager.sh stop-all" "$sandbox/ssh-calls" || flunk "$(cat "$sandbox/ssh-calls")"
}

# Two ports after each of which the next one is free, too. Not of those that the kernel gives to outgoing connections.
free_port_pairs() {
  python3 -c '
import random, socket
def is_free(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0
pairs = (port for port in iter(lambda: random.randrange(14000, 19000, 2), None) if is_free(port) and is_free(port + 1))
first = next(pairs)
print(first, next(port for port in pairs if port != first))'
}

test_masters_without_ports_take_the_next_ones() {
  make_ha_release "$sandbox/home" localhost localhost
  local web rpc
  read -r web rpc < <(free_port_pairs)
  sed -i "s/^rest.port: .*/rest.port: $web/; s/^jobmanager.rpc.port: .*/jobmanager.rpc.port: $rpc/" "$sandbox/home/conf/config.yaml"
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  run arguments_of jobmanager
  expect_output "--webui-port $web -D jobmanager.rpc.port=$rpc"
  expect_output "--webui-port $((web + 1)) -D jobmanager.rpc.port=$((rpc + 1))"
  # One that is started by itself knows them too, unless it is told.
  run "$sandbox/home/bin/taskmanager.sh" start
  run "$sandbox/home/bin/taskmanager.sh" start -D high-availability.jobmanagers=other:1
  run arguments_of taskmanager
  [ "$(grep -c "jobmanagers=localhost:$rpc,localhost:$((rpc + 1))\$" <<< "$output")" -eq 2 ] || flunk "$output"
  [ "$(grep -cx -- "-D high-availability.jobmanagers=other:1" <<< "$output")" -eq 1 ] || flunk "$output"
}

test_one_of_several_jobmanagers_that_does_not_start_is_no_harm() {
  local port
  python3 -c '
import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(60)' > "$sandbox/port" &
  local blocker=$!
  until [ -s "$sandbox/port" ]; do sleep 0.01; done
  port="$(cat "$sandbox/port")"
  make_ha_release "$sandbox/home" "localhost:$port" "localhost:$(free_port)"
  run "$sandbox/home/bin/start-cluster.sh"
  kill "$blocker"
  expect_code 0
  expect_output "Port $port on 127.0.0.1 is in use by another process"
  expect_output "[WARN] The JobManager localhost:$port did not start."
  expect_running jobmanager 1
  expect_running taskmanager 1
}

test_several_jobmanagers_that_die_show_their_logs() {
  make_ha_release "$sandbox/home" "localhost:$(free_port)" "localhost:$(free_port)"
  echo "test.jobmanager-dies: yes" >> "$sandbox/home/conf/config.yaml"
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 1
  expect_output "the reason why it dies"
  expect_output "No JobManager has started."
  expect_running taskmanager 0
  [ -z "$(ls "$sandbox/pids")" ] || flunk "left in the pid folder: $(ls "$sandbox/pids")"
}

test_a_standby_serves_without_a_leader_and_a_cluster_does_not() {
  make_ha_release "$sandbox/home" "localhost:$(free_port)"
  echo "test.no-leader: yes" >> "$sandbox/home/conf/config.yaml"
  run "$sandbox/home/bin/jobmanager.sh" start
  expect_code 0
  run "$sandbox/home/bin/jobmanager.sh" stop
  FLOTT_START_TIMEOUT=1 run "$sandbox/home/bin/start-cluster.sh"
  expect_code 1
  expect_output "deadline: HTTP Error 503"
  expect_output "jobmanager starts"
  run "$sandbox/home/bin/stop-cluster.sh"
  expect_running jobmanager 0
}

test_a_wrong_masters_file_stops_the_start_but_not_the_stop() {
  local line
  make_ha_release "$sandbox/home" "localhost:$(free_port)"
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 0
  for line in "a:b" "a:1:2:3" ":1" "a:0" "a:1:" "[::1"; do
    printf 'localhost\n%s\n' "$line" > "$sandbox/home/conf/masters"
    run "$sandbox/home/bin/start-cluster.sh"
    expect_code 78
    expect_output "masters:2: got \"$line\", allowed: host[:webui-port[:rpc-port]]"
  done
  run "$sandbox/home/bin/stop-cluster.sh"
  expect_code 1
  expect_running jobmanager 0
  expect_running taskmanager 0
  rm "$sandbox/home/conf/masters"
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 1
  expect_output "No masters file. Please specify JobManagers in '$sandbox/home/conf/masters'"
  : > "$sandbox/home/conf/masters"
  run "$sandbox/home/bin/start-cluster.sh"
  expect_output "There is no JobManager in '$sandbox/home/conf/masters'."
}

test_masters_on_other_hosts_are_reached_by_ssh() {
  local home="$sandbox/my home" port
  port="$(free_port)"
  make_ha_release "$home" "localhost:$(free_port):7001" "127.1.1.1:$port:7002"
  echo "127.1.1.1" >> "$home/conf/workers"
  # As a master that listens at that address would need it.
  sed -i 's/^rest.port:.*/&\nrest.bind-address: 0.0.0.0/' "$home/conf/config.yaml"
  mkdir "$sandbox/tools" "$sandbox/far pids"
  cat > "$sandbox/tools/ssh" << END
#!/usr/bin/env bash
echo "ssh \$*" >> "$sandbox/ssh-calls"
FLOTT_PID_DIR="$sandbox/far pids" exec bash -c "\${!#}"
END
  chmod +x "$sandbox/tools/ssh"
  PATH="$sandbox/tools:$PATH" run "$home/bin/start-cluster.sh"
  expect_code 0
  expect_output "2 JobManager(s) and 2 TaskManager(s)"
  expect_output "http://127.1.1.1:$port"
  expect_running jobmanager 2
  [ "$(wc -l < "$sandbox/far pids/flott-tester-standalonesession.pid")" -eq 1 ] || flunk "not one on the other host"
  run arguments_of taskmanager
  [ "$(grep -c "high-availability.jobmanagers=localhost:7001,127.1.1.1:7002" <<< "$output")" -eq 2 ] || flunk "$output"
  PATH="$sandbox/tools:$PATH" run "$home/bin/stop-cluster.sh"
  expect_code 0
  expect_running jobmanager 0
  expect_running taskmanager 0
}

test_a_missing_workers_file_is_named() {
  make_release "$sandbox/home" 1
  rm "$sandbox/home/conf/workers"
  run "$sandbox/home/bin/start-cluster.sh"
  expect_code 1
  expect_output "No workers file. Please specify workers in '$sandbox/home/conf/workers'."
  FLOTT_CONF_DIR="$sandbox/nowhere" run "$sandbox/home/bin/start-cluster.sh"
  expect_code 1
  expect_output "$sandbox/nowhere does not exist"
}

test_a_checkout_builds_what_is_missing_or_old() {
  local home="$sandbox/check out"
  make_release "$home" 1
  mkdir -p "$home/crates/x/src" "$home/proto" "$sandbox/tools"
  touch "$home/Cargo.toml" "$home/Cargo.lock" "$home/crates/x/src/lib.rs"
  printf '#!/bin/sh\n' > "$home/bin/build-dashboard.sh"
  # Stands for cargo: "builds" by copying, and leaves what is there as it is.
  cat > "$sandbox/tools/cargo" << END
#!/usr/bin/env bash
echo "cargo \$*" >> "$sandbox/cargo-calls"
mkdir -p target/release
for name in jobmanager taskmanager flott; do [ -e "target/release/\$name" ] || cp "libexec/\$name" target/release/; done
END
  chmod +x "$sandbox/tools/cargo"
  export PATH="$sandbox/tools:$PATH"
  run "$home/bin/flott" list
  expect_code 0
  expect_output "flott list"
  [ "$(cat "$sandbox/cargo-calls")" = "cargo build --release -p flott-jobmanager -p flott-taskmanager -p flott-cli -p word-count" ] \
    || flunk "$(cat "$sandbox/cargo-calls")"
  run "$home/bin/start-cluster.sh"
  expect_code 0
  [ "$(wc -l < "$sandbox/cargo-calls")" -eq 1 ] || flunk "built again without need"
  touch -d "1 minute" "$home/crates/x/src/lib.rs"
  run "$home/bin/flott" list
  [ "$(wc -l < "$sandbox/cargo-calls")" -eq 2 ] || flunk "not built although a source is newer"
  run "$home/bin/stop-cluster.sh"
  expect_code 0
}

test_every_script_has_help() {
  make_release "$sandbox/home" 1
  local script
  for script in start-cluster.sh stop-cluster.sh jobmanager.sh taskmanager.sh flott-daemon.sh build.sh; do
    run "$sandbox/home/bin/$script" --help
    expect_code 0
    expect_output "Usage: $script"
    run "$sandbox/home/bin/$script" --nonsense
    expect_code 2
  done
  expect_running jobmanager 0
}

test_scripts_pass_shellcheck() {
  command -v shellcheck > /dev/null || { echo "  SKIPPED: shellcheck is not installed"; exit 77; }
  run shellcheck -x "$repo"/bin/*.sh "$repo/bin/flott" "$repo"/docker/*.sh "$here/run.sh"
  expect_code 0
}

# --- the runner -------------------------------------------------------------------------------------------------

end_processes() {
  local pid
  for pid in $(pgrep -f "$1" || true); do
    if [ "$pid" != $$ ] && [ "$pid" != "$BASHPID" ]; then kill -9 "$pid" 2> /dev/null; fi
  done
}

if [ $# -eq 0 ]; then
  mapfile -t cases < <(declare -F | sed -n 's/^declare -f test_//p')
else
  cases=("$@")
fi

failed=0 skipped=0
for name in "${cases[@]}"; do
  sandbox="$(cd -P "$(mktemp -d "${TMPDIR:-/tmp}/flott-scripts.XXXXXX")" && pwd -P)"
  mkdir "$sandbox/pids"
  result="$(
    output="" code=0
    "test_$name" 2>&1
  )"
  status=$?
  end_processes "$sandbox"
  rm -rf "$sandbox"
  case "$status" in
    0) echo "ok      $name" ;;
    77)
      echo "SKIPPED $name"
      skipped=$((skipped + 1))
      ;;
    *)
      echo "FAILED  $name"
      echo "$result"
      failed=$((failed + 1))
      ;;
  esac
done
echo "${#cases[@]} cases, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
