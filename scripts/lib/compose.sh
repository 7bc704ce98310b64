# The servers as containers, where a Docker engine runs.
# shellcheck shell=bash

# docker_usable: an engine answers and `docker compose` is there; a client alone is not enough. Asked once.
docker_usable() {
  [ "$WITHOUT_DOCKER" = no ] || return 1
  if [ -z "${DOCKER_USABLE-}" ]; then
    DOCKER_USABLE=no
    if has docker && at_most 10 docker info >/dev/null 2>&1; then
      if docker compose version >/dev/null 2>&1; then
        DOCKER_USABLE=yes
      else
        warn "Docker answers, but 'docker compose' is missing (Debian: docker-compose-plugin); going on without."
      fi
    fi
  fi
  [ "$DOCKER_USABLE" = yes ]
}

# compose ARGUMENT…: docker compose with this repository's file and the configured ports.
compose() {
  local name settings=()
  for name in $SERVERS; do
    # shellcheck disable=SC2046,SC2207 # lines of NAME=VALUE, host and port
    settings+=($("${name}_compose_settings" $("${name}_host_and_port")))
  done
  env "${settings[@]}" docker compose -f "$ROOT/docker-compose.yml" "$@" 9>&-
}

# in_compose NAME: its container runs (with -a also: exists).
in_compose() { docker_usable && [ -n "$(compose ps -q ${2+"$2"} "$1" 2>/dev/null)" ]; }

compose_up() {
  say "starting with docker compose: $*"
  compose up -d --wait --wait-timeout "$START_SECONDS_MAX" "$@" ||
    fail "docker compose could not start $*; see scripts/services logs. Without Docker: scripts/services up --without-docker"
}

compose_stop() { compose rm --stop --force "$1"; }

compose_purge() { docker volume rm "shoplens_$1-data" >/dev/null 2>&1 || true; }
