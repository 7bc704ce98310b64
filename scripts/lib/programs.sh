# Building, starting and stopping our own programs. Needs common.sh.
# shellcheck shell=bash

LOGS=$ROOT/target/demo-logs
PIDS=()
NAMES=()

find_api() { API="http://localhost:$(setting API_PORT 8000)"; }

build_programs() {
  has cargo || fail "cargo is needed: install Rust 1.95 or later"
  (cd "$ROOT" && cargo build --release --locked --bins) || fail "the build failed"
}

# run_program NAME ARGUMENT…: in the foreground, to its end.
run_program() { (cd "$ROOT" && "target/release/$1" "${@:2}"); }

# start_program NAME ARGUMENT…: in the background, with a log; Ctrl-C reaches only this script, which stops them in order.
start_program() {
  local name=$1
  mkdir -p "$LOGS"
  (cd "$ROOT" && exec setsid "target/release/$name" "${@:2}" </dev/null >"$LOGS/$name.log" 2>&1) &
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

# stop_programs: the last started first, so that the processor drains what the generator sent.
stop_programs() {
  local number started
  for ((number = ${#PIDS[@]} - 1; number >= 0; number--)); do
    kill -TERM "${PIDS[number]}" 2>/dev/null || continue
    started=$SECONDS
    while kill -0 "${PIDS[number]}" 2>/dev/null && [ $((SECONDS - started)) -lt 15 ]; do sleep 0.1; done
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
