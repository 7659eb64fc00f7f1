# shellcheck shell=bash
# What the scripts share: where the tree is, how to become root, one way to say what is going on.

root_folder="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
build_folder="$root_folder/build"
sanitized_folder="$root_folder/build-sanitized"
export root_folder build_folder sanitized_folder

# Each script says what it does in its first comment. Before it does anything. What stands in `options_of` prints the
# options of the program that the script hands its arguments to.
case "${1:-}" in
  -h | --help)
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
    if [ -n "${options_of:-}" ]; then
      echo
      # shellcheck disable=SC2086
      PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$root_folder/tests/system" /usr/bin/python3 $options_of --help
    fi
    exit 0
    ;;
esac

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# Runs a command as root: as it is, or through sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "needs root for: $*; become root, or install sudo"
  fi
}

# Everything once more, with the other compiler, the sanitizers, and the fuzz targets as fuzzers.
build_sanitized() {
  if [ ! -f "$sanitized_folder/build.ninja" ]; then
    CXX="${CXX:-clang++-19}" meson setup "$sanitized_folder" "$root_folder" -Dfuzz=true >/dev/null
  fi
  ninja -C "$sanitized_folder" --quiet
}

# Feeds each corpus of tests/fuzz to its target, without a fuzzing engine. As root, since one
# makes a network of its own. Says how many passed and failed in its last line.
replay_corpora() {
  local folder="$1" corpus target passed=0 failed=0
  for corpus in "$root_folder"/tests/fuzz/corpus/*; do
    target="$(basename "$corpus")"
    if as_root "$folder/tests/fuzz/replay_$target" "$corpus" >/dev/null; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
      say "the corpus of $target does not pass"
    fi
  done
  printf 'corpora: %d passed | %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}
