# shellcheck shell=bash
# Common code of the scripts: the paths of the tree, a way to become root, and messages.

root_folder="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
build_folder="$root_folder/build"
sanitized_folder="$root_folder/build-sanitized"
export root_folder build_folder sanitized_folder

# --help prints the first comment of the script, and nothing else runs. If `options_of` is set, it
# also prints the options of the program to which the script passes its arguments.
case "${1:-}" in
  -h | --help)
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
    if [ -n "${options_of:-}" ]; then
      echo
      # shellcheck disable=SC2086
      PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$root_folder/tests" /usr/bin/python3 $options_of --help
    fi
    exit 0
    ;;
esac

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# Runs a command as root: directly, or through sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "needs root for: $*; become root, or install sudo"
  fi
}

# Builds with the other compiler and the sanitizers. The fuzz targets become fuzzers.
build_sanitized() {
  if [ ! -f "$sanitized_folder/build.ninja" ]; then
    CXX="${CXX:-clang++-19}" meson setup "$sanitized_folder" "$root_folder" -Dfuzz=true >/dev/null
  fi
  ninja -C "$sanitized_folder" --quiet
}

# Feeds each corpus of tests/fuzz to its target, without a fuzzing engine. As root, since one target
# makes a network namespace. The last line of output counts passes and failures.
replay_corpora() {
  local folder="$1" corpus target passed=0 failed=0
  for corpus in "$root_folder"/tests/fuzz/corpus/*; do
    target="$(basename "$corpus")"
    if as_root "$folder/tests/fuzz/replay_$target" "$corpus" >/dev/null; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
      say "the corpus of $target fails"
    fi
  done
  printf 'corpora: %d passed | %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}
