# scripts/services up: starts what is absent, after checking that it can be.
# shellcheck shell=bash

up() {
  local name absent=''
  for name in $CHOSEN; do
    if "${name}_ready"; then say_answers "$name"; else absent+=" $name"; fi
  done
  [ -n "$absent" ] || return 0

  take_lock
  # Another `up` may have started them while this one waited.
  CHOSEN=$absent absent=''
  for name in $CHOSEN; do
    if "${name}_ready"; then say_answers "$name"; else absent+=" $name"; fi
  done
  [ -n "$absent" ] || return 0
  start_absent "$absent"
  for name in $absent; do say_answers "$name"; done
}

say_answers() {
  say "$1: answers at $("${1}_address") ($(version_and_origin "$1"))"
}

# start_absent NAMES: those that are still starting are waited for, somebody else's are left alone.
start_absent() {
  local name names=$1 waiting='' to_start=''
  for name in $names; do
    if started_here "$name"; then
      say "$name: was started before and is not ready yet; waiting for it"
      waiting+=" $name"
    elif "${name}_answers"; then
      warn "$name: answers at $("${name}_address"), but is not ready for work; it was not started here, so it is used as it is"
    else
      to_start+=" $name"
    fi
  done
  for name in $to_start; do check_address "$name"; done
  if [ -n "$to_start" ] && docker_usable; then
    fail_if_problems
    # shellcheck disable=SC2086
    compose_up $to_start
  elif [ -n "$to_start" ]; then
    start_as_processes "$to_start"
  fi
  for name in $waiting $to_start; do finish_start "$name"; done
}

# started_here NAME: one of our processes runs; it must be for the configured address.
started_here() {
  runs_here "$1" || return 1
  is_ours "$1" ||
    fail "$1 of $STATE_DIR already runs at $(cat "$RUN_DIR/$1.address"), not at $("${1}_address"): scripts/services down $1 first, or set SHOPLENS_SERVICES_DIR to another folder"
}

start_as_processes() {
  local name names=$1
  check_machine "$names"
  fail_if_problems
  for name in $names; do
    "${name}_fetched" || "${name}_fetch"
  done
  for name in $names; do
    say "$name: starting"
    "${name}_address" >"$RUN_DIR/$name.address"
    # shellcheck disable=SC2046
    "${name}_start" $("${name}_host_and_port")
  done
}

finish_start() {
  wait_until_ready "$1" && return
  if runs_here "$1" || ! in_compose "$1" -a; then
    show_end_of "$(log_of "$1")"
  else
    compose logs --tail 25 "$1" >&2 || true
  fi
  fail "$1 could not be started (all of its log: scripts/services logs $1)"
}

# --- up: what must be there first

# A server can only be started on this machine, and on a port that nobody else has.
check_address() {
  local name=$1 host port
  read -r host port <<<"$("${name}_host_and_port")"
  if ! is_loopback "$host"; then
    problem "$name does not answer at $("${name}_address"), and cannot be started there: only localhost and 127.x.x.x are this machine. Start it there, or correct the address (environment or .env)"
    return
  fi
  case $("${name}_address") in
    https:*) problem "$name does not answer at $("${name}_address"); one started here speaks plain http, so set http:// to have it started" ;;
  esac
  check_port_free "$name" "$host" "$port"
}

check_port_free() {
  ! accepts "$2" "$3" ||
    problem "port $3, which $1 needs, is taken by something else$(listener_on "$3"): stop that, or set another address for $1 (environment or .env)"
}

# check_machine NAMES: what processes need; containers bring it with them.
check_machine() {
  local name java=0 disk=0 fetch=0 host port each
  for each in flock setsid timeout; do
    has "$each" || problem "$each is needed (Debian: packages util-linux and coreutils)"
  done
  for name in $1; do
    read -r host port <<<"$("${name}_host_and_port")"
    for each in $("${name}_more_ports" "$port"); do check_port_free "$name" "$host" "$each"; done
    local java_min=${name}_java_min fetch_mb=${name}_fetch_mb data_mb=${name}_data_mb
    [ "${!java_min}" -le "$java" ] || java=${!java_min}
    disk=$((disk + ${!data_mb}))
    "${name}_fetched" || fetch=$((fetch + ${!fetch_mb}))
  done
  java_at_least "$java"
  if [ $fetch -gt 0 ]; then
    has mvn || problem "mvn is needed once, to fetch the servers (Debian: apt-get install maven)"
    check_disk "${HOME:-/}" "$fetch" "Maven's local repository"
    [ "$SERVERS_DIR" = "$STATE_DIR/servers" ] || check_disk "$SERVERS_DIR" "$fetch" "the programs"
  fi
  check_disk "$STATE_DIR" $((disk + fetch)) "programs and data of$1"
  check_reachable "$STATE_DIR"
  [ "$SERVERS_DIR" = "$STATE_DIR/servers" ] || check_reachable "$SERVERS_DIR"
}
