# What every script here uses. Source it first: `. "$(dirname "$0")/lib/common.sh"`.
# Gives: ROOT, say, warn, fail, has, at_most, setting.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

say()  { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
fail() { warn "${0##*/}: $*"; exit 1; }
has()  { command -v "$1" >/dev/null 2>&1; }

# at_most SECONDS COMMAND…: ends it when it takes longer (where there is no `timeout`, as on macOS, it may take longer)
at_most() { if has timeout; then timeout "$@"; else "${@:2}"; fi; }

# setting NAME [DEFAULT]: the environment's value, else the one in .env, else DEFAULT. Empty counts as not set.
setting() {
  local name=$1 default=${2-} value
  value=${!name-}
  [ -n "$value" ] || value=$(dotenv_value "$name" "$ROOT/.env")
  printf '%s' "${value:-$default}"
}

# dotenv_value NAME FILE: NAME's value in a file of KEY=VALUE lines, which is read, never run. As in the Rust programs
# the first line for a name counts; `export`, quotes, comments and Windows line ends are understood, `$` is not expanded.
dotenv_value() {
  local name=$1 file=$2 line value
  [ -r "$file" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line%$'\r'}
    [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$ ]] || continue
    [ "${BASH_REMATCH[2]}" = "$name" ] || continue
    value=${BASH_REMATCH[3]}
    case $value in
      \"*\"*) value=${value#\"}; value=${value%%\"*} ;;
      \'*\'*) value=${value#\'}; value=${value%%\'*} ;;
      \#*) value='' ;;
      *) value=${value%%[[:space:]]\#*}; value=${value%"${value##*[![:space:]]}"} ;;
    esac
    printf '%s' "$value"
    return 0
  done <"$file"
}
