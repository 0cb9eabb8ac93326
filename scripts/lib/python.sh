# shellcheck shell=bash
# The Python environment of tests and benchmarks. Sourced, after common.sh.

# The tests' Python packages, pinned, apart from the system's.
python_venv() {
  local stamp=$VAR/cache/venv.stamp now
  now=$(python3 --version; sha256sum <"$ROOT/tests/requirements.txt")
  [[ -x $VAR/venv/bin/pytest && $(cat "$stamp" 2>/dev/null) == "$now" ]] && return 0
  note "installing the tests' Python packages (log: $VAR/log/pip.log)"
  rm -rf "$VAR/venv"
  python3 -m venv "$VAR/venv"
  "$VAR/venv/bin/pip" install -q -r "$ROOT/tests/requirements.txt" >"$VAR/log/pip.log" 2>&1 ||
    die "pip failed: $(grep ERROR "$VAR/log/pip.log" | tail -n 1) (see $VAR/log/pip.log)"
  printf '%s\n' "$now" >"$stamp"
}
