# shellcheck shell=bash
# The parts of scripts/test. Each part_NAME runs one and leaves JUnit files in $OUT; exists_NAME says whether the tree has it.
# Sourced, after all.sh.

exists_check() { [[ -x $ROOT/scripts/check ]]; }

part_check() { limit 900 "$ROOT/scripts/check"; } # leaves check.xml in KONGSI_TEST_DIR

meson_folder() { # FOLDER OPTIONS…
  local folder=$ROOT/$1
  shift
  [[ -f $folder/build.ninja ]] || meson setup "$folder" "$ROOT" "$@" >"$OUT/meson.log" 2>&1 || {
    tail -n 5 "$OUT/meson.log"
    return 1
  }
  limit 900 ninja -C "$folder" >"$OUT/ninja.log" 2>&1 || {
    grep -m 20 -E 'error|FAILED|warning' "$OUT/ninja.log"
    return 1
  }
}

meson_run() { # FOLDER OPTIONS…
  local folder=$ROOT/$1 status=0
  shift
  rm -f "$folder"/meson-logs/*.junit.xml
  limit 900 meson test -C "$folder" --no-rebuild --print-errorlogs --timeout-multiplier 4 "$@" || status=$?
  cp "$folder"/meson-logs/*.junit.xml "$OUT/" 2>/dev/null || true
  return "$status"
}

# C tests that need PostgreSQL find it in KONGSI_TEST_POSTGRES, the line of dev-postgres.
with_postgres() {
  KONGSI_TEST_POSTGRES=$("$ROOT/scripts/dev-postgres" start --fast "$OUT/postgres" 0)
  export KONGSI_TEST_POSTGRES
}

exists_unit() { [[ -f $ROOT/meson.build ]]; }
part_unit() {
  meson_folder build-asan --buildtype=debug -Db_sanitize=address,undefined -Db_lundef=false
  with_postgres
  meson_run build-asan --no-suite fuzz --no-suite perf
}

# Tests that several threads run through say so with suite: 'concurrency' in their meson.build.
exists_tsan() { grep -rqs --include=meson.build "'concurrency'" "$ROOT/libshared" "$ROOT/services"; }
part_tsan() {
  meson_folder build-tsan --buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false
  with_postgres
  TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 meson_run build-tsan --suite concurrency
}

# Each target runs over its corpus; the long runs that look for new inputs are made by hand.
exists_fuzz() { [[ -f $ROOT/tests/fuzz/meson.build ]]; }
part_fuzz() {
  CC=clang meson_folder build-fuzz --buildtype=debugoptimized -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
  meson_run build-fuzz --suite fuzz
}

system_tests() { find "$ROOT/tests/service" "$ROOT/tests/e2e" -name 'test_*.py' -print -quit 2>/dev/null; }

exists_system() { [[ -n $(system_tests) ]]; }
part_system() { # MODE EVENTS
  local folder folders=()
  for folder in tests/service tests/e2e; do
    [[ ! -d $ROOT/$folder ]] || folders+=("$folder")
  done
  build_programs
  build_web
  python_venv
  [[ $2 != kafka ]] || kafka_fetch
  cd "$ROOT"
  KONGSI_MODE=$1 KONGSI_EVENTS=$2 limit 1200 "$VAR/venv/bin/pytest" "${folders[@]}" \
    --junitxml="$OUT/pytest.xml" "${PYTEST_ARGUMENTS[@]}"
}

exists_system_single_embedded() { exists_system; }
exists_system_single_kafka() { exists_system; }
exists_system_services_embedded() { exists_system; }
exists_system_services_kafka() { exists_system; }
part_system_single_embedded() { part_system single embedded; }
part_system_single_kafka() { part_system single kafka; }
part_system_services_embedded() { part_system services embedded; }
part_system_services_kafka() { part_system services kafka; }

exists_web() { [[ -f $ROOT/web/package.json ]] && find "$ROOT/web/src" -name '*.test.ts*' -print -quit 2>/dev/null | grep -q .; }
part_web() {
  build_programs # its OpenAPI document is what the client's types are made of
  build_web
  cd "$ROOT/web"
  limit 300 npx --no-install vitest run --reporter=default --reporter=junit --outputFile.junit="$OUT/vitest.xml"
}

exists_web_e2e() { [[ -f $ROOT/web/package.json ]] && find "$ROOT/web/e2e" -name '*.spec.ts' -print -quit 2>/dev/null | grep -q .; }
part_web_e2e() {
  build_programs
  build_web
  python_venv
  cd "$ROOT"
  PLAYWRIGHT_JUNIT_OUTPUT_NAME=$OUT/playwright.xml PLAYWRIGHT_JUNIT_OUTPUT_FILE=$OUT/playwright.xml \
    limit 900 "$VAR/venv/bin/python" -m tests.lib.run_with_system \
    env -C "$ROOT/web" npx --no-install playwright test --reporter=list,junit
}
