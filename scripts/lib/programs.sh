# Building, starting and stopping our own programs. Needs common.sh.
# shellcheck shell=bash

LOGS=$ROOT/target/demo-logs
PIDS=()
NAMES=()

# find_api: sets API, the address of the API as this machine reaches it.
find_api() {
  local host
  host=$(setting API_HOST localhost)
  case $host in 0.0.0.0 | 127.0.0.1 | ::) host=localhost ;; esac
  API="http://$host:$(setting API_PORT 8000)"
}

# private_shop NAME: a small shop of its own, whatever .env says; removed again at the end, however that comes.
private_shop() {
  export SHOPLENS_PREFIX="$1-$$-" PRODUCT_COUNT=2000 EVENTS_PER_SECOND=200 BOT_TRAFFIC_RATIO=0.1 FRAUD_RATIO=0.02
  export ARCHIVE_EVENTS=true API_HOST=127.0.0.1 API_RATE_PER_SECOND=0 SHOP_CURRENCY=EUR
  API_PORT=$(free_port)
  export API_PORT
  find_api
  CLEAR=yes
}

# remove_private_shop: false if something of it stays behind.
remove_private_shop() {
  CLEAR=no
  run_program admin clear
}

# finish: what a script does at its end, also a bad one.
finish() {
  stop_programs
  [ "${CLEAR-no}" = no ] || remove_private_shop || warn "something is left of $SHOPLENS_PREFIX; $(built_programs)/admin clear removes it"
}

# bring_up: servers and programs.
bring_up() {
  "$ROOT/scripts/services" up
  build_programs
}

# open_shop: catalogue, API, processor and traffic.
open_shop() {
  say "seeding the catalogue"
  run_program seeder
  start_program api
  wait_for_api
  start_program processor
  start_program generator
}

# built_programs: the folder of our programs: SHOPLENS_PROGRAMS where they are built already, as tests do, else that of a release build.
built_programs() { printf '%s' "${SHOPLENS_PROGRAMS:-$ROOT/target/release}"; }

build_programs() {
  [ -z "${SHOPLENS_PROGRAMS-}" ] || return 0
  say "building (release)"
  has cargo || fail "cargo is needed: install Rust 1.95 or later"
  (cd "$ROOT" && cargo build --release --locked --bins) || fail "the build failed"
}

# run_program NAME ARGUMENT…: in the foreground, to its end.
run_program() { (cd "$ROOT" && "$(built_programs)/$1" "${@:2}"); }

# start_program NAME ARGUMENT…: in the background, with a log; Ctrl-C reaches only this script, which stops them in order.
start_program() {
  local name=$1
  mkdir -p "$LOGS"
  (cd "$ROOT" && exec setsid "$(built_programs)/$name" "${@:2}" </dev/null >"$LOGS/$name.log" 2>&1) &
  PIDS+=($!)
  NAMES+=("$name")
}

# wait_for_api: until it is ready to search.
wait_for_api() {
  local started=$SECONDS
  until curl -fs --max-time 5 "$API/health/ready" >/dev/null 2>&1; do
    all_run || return 1
    [ $((SECONDS - started)) -lt 90 ] || { show_log api; fail "the API at $API is not ready after 90 s"; }
    sleep 0.2
  done
}

# all_run: every program is still there; shows the log of one that is not.
all_run() {
  local number
  for number in "${!PIDS[@]}"; do
    kill -0 "${PIDS[number]}" 2>/dev/null && continue
    show_log "${NAMES[number]}"
    fail "${NAMES[number]} has ended"
  done
}

wait_for_programs() { while all_run; do sleep 1; done; }

show_log() {
  warn "the last lines of $LOGS/$1.log:"
  tail -n 20 "$LOGS/$1.log" | sed 's/^/  | /' >&2
}

# stop_programs: the last started first, so that the processor drains what the generator sent. The generator may wait half
# a minute for Kafka's acknowledgements.
stop_programs() {
  local number started
  for ((number = ${#PIDS[@]} - 1; number >= 0; number--)); do
    kill -TERM "${PIDS[number]}" 2>/dev/null || continue
    started=$SECONDS
    while kill -0 "${PIDS[number]}" 2>/dev/null && [ $((SECONDS - started)) -lt 40 ]; do sleep 0.1; done
    kill -KILL "${PIDS[number]}" 2>/dev/null || true
  done
  wait 2>/dev/null || true
  PIDS=() NAMES=()
}

free_port() {
  local port
  for port in $(seq 18000 18999 | shuf); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { printf '%s' "$port"; return; }
  done
}
