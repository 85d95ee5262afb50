# shellcheck shell=bash
# What the scripts of this folder share. Sourced, with the caller's name in $0.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
export LC_ALL=C.UTF-8

# ccache needs a directory of its own where there is no home; the sloppiness is what it needs to
# cache with precompiled headers.
if [[ ! -w ${HOME:-/nonexistent} ]]; then export CCACHE_DIR=${CCACHE_DIR:-$root/build/ccache}; fi
export CCACHE_SLOPPINESS=pch_defines,time_macros

say() { printf '%s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}
# usage_error MESSAGE: a mistake on the command line.
usage_error() {
  printf "%s: %s\nTry '%s --help'.\n" "${0##*/}" "$*" "$0" >&2
  exit 2
}

# build PRESET TARGET…: configures where that is due, then builds (no target: everything).
build() {
  local preset=$1
  shift
  if [[ ! $root/build/$preset/build.ninja -nt $root/CMakePresets.json ]]; then
    (cd -- "$root" && cmake --preset "$preset" >"$(log_of configure "$preset")") ||
      { cat "$(log_of configure "$preset")" >&2 && die "cannot configure preset $preset"; }
  fi
  local targets=()
  if (($#)); then targets=(--target "$@"); fi
  (cd -- "$root" && cmake --build --preset "$preset" "${targets[@]}")
}
log_of() {
  mkdir -p -- "$root/build"
  printf '%s/build/%s-%s.log' "$root" "$2" "$1"
}
