# Read by the scripts beside it: the engine, its compose, and how they speak.
# shellcheck shell=bash

# Compose reads compose.yaml, and .env beside it, from where it stands.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

docker=${SLIPWAY_DOCKER:-docker}

say() { printf '%s\n' "$*"; }

fail() { printf '%s\n' "$*" >&2; exit 1; }

compose() { "$docker" compose "$@"; }

# check_yes NAME VALUE: what is no yes, such as a 0, must not pass for one.
check_yes() { [ -z "$2" ] || [ "$2" = 1 ] || fail "$1: expected 1 or nothing, found $2. Nothing was touched."; }

check_engine() {
    "$docker" info >/dev/null 2>&1 ||
        fail "No container engine answers. Start Docker; on Debian, as root, .ci/engine installs and starts one."
    compose version >/dev/null 2>&1 ||
        fail "The engine answers, but '$docker compose' does not: install Compose 2.20 or newer (Docker's package docker-compose-plugin); on Debian, as root, .ci/engine."
}

# check_running SERVICE...
check_running() {
    local running service
    running=$(compose ps --services --status running)
    for service in "$@"; do
        grep --quiet --line-regexp "$service" <<<"$running" || fail "There is no running $service. Run make up first."
    done
}

project() { compose config | sed -n 's/^name: //p'; }

# Where a service answers on this machine: published SERVICE PORT.
published() { compose port "$1" "$2" 2>/dev/null | sed 's|^|http://|'; }
