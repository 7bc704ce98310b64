# What all servers have in common: folders, the user they run as, addresses, processes.
#
# A server is one file scripts/lib/<name>.sh and one word in SERVERS. The file gives these functions:
#   <name>_address           the configured address, fit to be shown (no password in it)
#   <name>_host_and_port     "HOST PORT" that a process started here must listen on
#   <name>_answers           true if that kind of server answers there, whoever started it
#   <name>_ready             true if it also can be worked with
#   <name>_version           the version of what answers, or ?
#   <name>_more_ports PORT   other ports that a process started here takes
#   <name>_fetched           true if its program is in SERVERS_DIR
#   <name>_fetch             brings it there
#   <name>_start HOST PORT   starts it as a process: calls start_process
#   <name>_compose_settings HOST PORT   NAME=VALUE lines for docker-compose.yml
# and these words: <name>_java_min, <name>_fetch_mb and <name>_data_mb (free disk space for the two).
# shellcheck shell=bash

# shellcheck disable=SC2034 # for the other files
SERVERS='elasticsearch kafka'
START_SECONDS_MAX=180
STOP_SECONDS_MAX=30

# The folders: the programs may be deleted and are fetched again, the data may not.
find_folders() {
  local base
  base=$(setting SHOPLENS_SERVICES_DIR)
  if [ -n "$base" ]; then
    case $base in
      /*) ;;
      \~/*) base=$HOME/${base#??} ;;
      *) base=$ROOT/$base ;;
    esac
    SERVERS_DIR=$base/servers STATE_DIR=$base
  elif [ "$(id -u)" = 0 ]; then
    SERVERS_DIR=/var/lib/shoplens/servers STATE_DIR=/var/lib/shoplens
  else
    SERVERS_DIR=${XDG_CACHE_HOME:-$HOME/.cache}/shoplens/servers
    STATE_DIR=${XDG_DATA_HOME:-$HOME/.local/share}/shoplens
  fi
  DATA_DIR=$STATE_DIR/data RUN_DIR=$STATE_DIR/run LOGS_DIR=$STATE_DIR/logs
}

# One `up` or `down` at a time per folder. The servers themselves must not inherit descriptor 9. Where there is no flock there
# can only be containers, and docker compose sees to that itself.
take_lock() {
  mkdir -p "$SERVERS_DIR" "$DATA_DIR" "$RUN_DIR" "$LOGS_DIR" || fail "cannot write to $STATE_DIR and $SERVERS_DIR"
  has flock || return 0
  exec 9>"$RUN_DIR/lock"
  flock -n 9 && return
  say "another scripts/services is at work in $STATE_DIR; waiting for it …"
  flock -w 1800 9 || fail "waited 30 minutes for another scripts/services; who holds it: fuser $RUN_DIR/lock"
}

# --- the user the servers run as: ourselves, or as root somebody unprivileged (Elasticsearch and PostgreSQL refuse root)

server_user_name() { if [ "$(id -u)" = 0 ]; then setting SHOPLENS_SERVICES_USER nobody; else id -un; fi; }

# Sets DROP, the words in front of a command that runs it as that user.
choose_user() {
  local user
  DROP=()
  [ "$(id -u)" = 0 ] || return 0
  user=$(server_user_name)
  id "$user" >/dev/null 2>&1 || fail "no user '$user' to run the servers as; set SHOPLENS_SERVICES_USER to one that is not root"
  [ "$(id -u "$user")" != 0 ] || fail "SHOPLENS_SERVICES_USER may not be root: Elasticsearch refuses it"
  has setpriv || fail "setpriv is needed as root (Debian: package util-linux)"
  DROP=(setpriv "--reuid=$(id -u "$user")" "--regid=$(id -g "$user")" --clear-groups --)
}

unprivileged() { (cd / && "${DROP[@]}" "$@"); }

# own_folder FOLDER…: they exist and belong to the servers' user.
own_folder() {
  local folder user
  mkdir -p "$@"
  [ "$(id -u)" = 0 ] || return 0
  user=$(server_user_name)
  for folder; do
    [ "$(stat -c %U:%G "$folder")" = "$(id -un "$user"):$(id -gn "$user")" ] || chown -R "$(id -u "$user"):$(id -g "$user")" "$folder"
  done
}

# --- addresses

is_loopback() { case $1 in 127.*[!0-9.]*) false ;; localhost | 127.*) true ;; *) false ;; esac; }

# accepts HOST PORT: something takes connections there.
# shellcheck disable=SC2016 # the inner shell expands it
accepts() { at_most 3 bash -c 'exec 3<>"/dev/tcp/$1/$2"' _ "$1" "$2" 2>/dev/null; }

# Who listens on a port, for a message; nothing where that cannot be seen.
listener_on() {
  has ss || return 0
  ss -Hltnp "sport = :$1" 2>/dev/null | grep -o 'users:(("[^"]*",pid=[0-9]*' | head -n 1 | sed 's/users:(("\(.*\)",pid=\(.*\)/ (\1, pid \2)/'
}

# --- processes. One of ours carries a word on its command line that names the server and the folder; so it is known again
# without a file that could be stale, be missing after an interruption, or name a process that is no longer ours.

word_of() { printf -- '-Dshoplens.server=%s@%s' "$1" "${STATE_DIR// /%20}"; }

# Process ids, oldest first. (--regexp and the word are one argument, so that grep does not find itself.)
# shellcheck disable=SC2062 # no pattern for the shell
processes_of() {
  { grep -lszxF --regexp="$(word_of "$1")" /proc/[0-9]*/cmdline || true; } | sed 's|/proc/||; s|/cmdline||' | sort -n
}

runs_here() { [ -n "$(processes_of "$1")" ]; }

# is_ours NAME: what answers at the configured address is a process started here.
is_ours() { runs_here "$1" && [ "$(cat "$RUN_DIR/$1.address" 2>/dev/null)" = "$("${1}_address")" ]; }

log_of() { printf '%s' "$LOGS_DIR/$1.log"; }

# start_process NAME FOLDER COMMAND…: in the background, detached from this terminal, in FOLDER, as the servers' user.
start_process() {
  local name=$1 folder=$2 log pid
  shift 2
  log=$(log_of "$name")
  [ ! -s "$log" ] || mv -f "$log" "$log.1"
  (cd "$folder" && exec setsid "${DROP[@]}" "$@" </dev/null >"$log" 2>&1 9>&-) &
  pid=$!
  until runs_here "$name" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

# wait_until_ready NAME: false if it died or did not answer in time.
wait_until_ready() {
  local name=$1 started=$SECONDS said=$SECONDS
  until "${name}_ready"; do
    if ! runs_here "$name" && ! in_compose "$name"; then
      warn "$name has ended."
      return 1
    fi
    if [ $((SECONDS - started)) -ge "$START_SECONDS_MAX" ]; then
      warn "$name does not answer after $START_SECONDS_MAX s."
      return 1
    fi
    if [ $((SECONDS - said)) -ge 10 ]; then
      said=$SECONDS
      say "$name: not ready yet, $((SECONDS - started)) s"
    fi
    sleep 0.5
  done
}

# stop_process NAME: asks, and after a while insists.
stop_process() {
  local name=$1 started=$SECONDS
  signal_processes TERM "$name"
  while runs_here "$name"; do
    if [ $((SECONDS - started)) -ge "$STOP_SECONDS_MAX" ]; then
      warn "$name did not stop within $STOP_SECONDS_MAX s and is killed."
      signal_processes KILL "$name"
      started=$SECONDS
    fi
    sleep 0.2
  done
}

signal_processes() {
  local pids
  pids=$(processes_of "$2")
  # shellcheck disable=SC2086 # several ids
  [ -z "$pids" ] || kill -"$1" $pids 2>/dev/null || true
}

show_end_of() {
  [ -s "$1" ] || { warn "($1 is empty)"; return 0; }
  warn "the last lines of $1:"
  tail -n 25 "$1" | sed 's/^/  | /' >&2
}

# --- what is missing is gathered, so that all of it can be said at once

PROBLEMS=()
problem() { PROBLEMS+=("$*"); }

fail_if_problems() {
  local each
  [ ${#PROBLEMS[@]} -gt 0 ] || return 0
  warn "Cannot start the servers yet:"
  for each in "${PROBLEMS[@]}"; do warn "  - $each"; done
  exit 1
}

# check_disk FOLDER MB WHAT
check_disk() {
  local folder=$1 free
  while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
  free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$2" ] || problem "only $free MB free in $folder, $2 MB are needed for $3: make room, or set SHOPLENS_SERVICES_DIR to a folder on another disk"
}

# check_reachable FOLDER: the servers' user can look into it.
check_reachable() {
  local folder=$1
  while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
  unprivileged test -x "$folder" || problem "the user $(server_user_name), as whom the servers run, cannot enter $folder: set SHOPLENS_SERVICES_DIR to a folder that it can"
}
