# shellcheck shell=bash
# Builds the programs and the web client. Sourced, after common.sh.

build_programs() {
  local log=$VAR/log/build.log
  : >"$log"
  if [[ ! -f $ROOT/build/build.ninja ]]; then
    note "building (log: $log)"
    meson setup "$ROOT/build" "$ROOT" --buildtype="${KONGSI_BUILDTYPE:-debugoptimized}" 9>&- >"$log" 2>&1 ||
      die "meson failed: $(grep -E 'ERROR' "$log" | tail -n 1) (see $log)"
  fi
  ninja -C "$ROOT/build" 9>&- >>"$log" 2>&1 ||
    die "the build failed: $(grep -m 1 -E 'error: |FAILED' "$log") (see $log)"
  link_programs
}

# Meson puts a program beside its sources' folder; build/PROGRAM is where everybody looks.
link_programs() {
  local program
  for program in programs/kongsi/kongsi $(cd "$ROOT/build" && echo services/*/kongsi-*); do
    [[ ! -x $ROOT/build/$program || -d $ROOT/build/$program ]] || ln -sfn "$program" "$ROOT/build/${program##*/}"
  done
}

hash_files() { # ARGUMENTS OF find…
  find "$@" -type f -print0 | sort -z | xargs -0r sha256sum | sha256sum
}

# The hash of all that goes into the web client. Node's version is part: node_modules may hold compiled parts.
web_hash() {
  node --version
  (cd "$ROOT" && hash_files web schemas \( -name node_modules -o -name dist -o -name test-results \) -prune -o)
}

web_install() {
  local stamp=$VAR/cache/npm.stamp now log=$VAR/log/npm.log
  now=$(node --version; sha256sum <"$ROOT/web/package-lock.json")
  [[ -d $ROOT/web/node_modules && $(cat "$stamp" 2>/dev/null) == "$now" ]] && return 0
  note "installing the web client's packages (log: $log)"
  (cd "$ROOT/web" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund) </dev/null 9>&- >"$log" 2>&1 ||
    die "npm ci failed: $(grep -m 1 -iE 'npm (err|error)' "$log") (see $log)"
  printf '%s\n' "$now" >"$stamp"
}

build_web() {
  local stamp=$VAR/cache/web.stamp now log=$VAR/log/web.log
  [[ -f $ROOT/web/package.json ]] || return 0
  now=$(web_hash)
  [[ -f $ROOT/web/dist/index.html && $(cat "$stamp" 2>/dev/null) == "$now" ]] && return 0
  web_install
  note "building the web client (log: $log)"
  (cd "$ROOT/web" && npm run build) </dev/null 9>&- >"$log" 2>&1 ||
    die "the web client does not build: $(grep -m 1 -iE 'error' "$log") (see $log)"
  printf '%s\n' "$(web_hash)" >"$stamp" # again: the build may generate sources
}
