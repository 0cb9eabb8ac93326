# shellcheck shell=bash
# What scripts/up starts and scripts/down stops, and in which order. Sourced, after common.sh, process.sh, postgres.sh, kafka.sh.

SINGLE_PROGRAMS=(kongsi)
SERVICE_PROGRAMS=(kongsi-identity kongsi-messaging kongsi-realtime kongsi-gateway)
READY_TIMEOUT_S=60
DRAIN_TIMEOUT_S=20
RUN=$VAR/run
CURRENT=$RUN/current # "mode events port" of the last start that came to its end

programs_of() { # MODE
  if [[ $1 == services ]]; then
    printf '%s\n' "${SERVICE_PROGRAMS[@]}"
  else
    printf '%s\n' "${SINGLE_PROGRAMS[@]}"
  fi
}

# True when everything of the last start still runs.
system_running() {
  local mode events port program
  [[ -s $CURRENT ]] || return 1
  read -r mode events port <"$CURRENT"
  for program in $(programs_of "$mode"); do
    process_running "$RUN/$program.pid" || return 1
  done
  [[ $events != kafka ]] || kafka_running "$VAR/kafka" || return 1
  pg_running "$VAR/postgres"
}

programs_stop() {
  local program
  for program in kongsi-gateway kongsi-realtime kongsi-messaging kongsi-identity kongsi; do
    process_stop "$RUN/$program.pid" "$program" "$DRAIN_TIMEOUT_S"
  done
}

system_stop() {
  rm -f "$CURRENT"
  programs_stop
  kafka_stop "$VAR/kafka"
  pg_stop "$VAR/postgres"
}

program_port() { # PROGRAM; from the configuration file's own value
  local section=${1#kongsi-}
  [[ $section != kongsi ]] || section=gateway
  sed -n "/^$section:/,/^[a-z]/s/^  port: //p" "$VAR/etc/kongsi.yaml"
}

program_ready() { # PROGRAM
  curl -fsS -o /dev/null --max-time 2 "http://127.0.0.1:$(program_port "$1")/readyz" 2>/dev/null
}

program_settled() { # PROGRAM; ready, or gone
  process_gone "$RUN/$1.pid" || program_ready "$1"
}

# The line of a log that tells why: the last error, else the last line.
log_reason() { # LOG
  { grep -iE 'error|fatal|panic|abort' "$1" || cat "$1"; } 2>/dev/null | tail -n 1 | cut -c1-300
}

programs_start() { # MODE
  local program log
  for program in $(programs_of "$1"); do
    [[ -x $ROOT/build/$program ]] || die "the build made no program build/$program: see $VAR/log/build.log"
    log=$VAR/log/$program.log
    [[ ! -e $log ]] || mv "$log" "$log.1" # the log of the start before may tell why there is a new one
    process_start "$RUN/$program.pid" "$log" "$ROOT/build/$program" --config "$VAR/etc/kongsi.yaml"
  done
  for program in $(programs_of "$1"); do
    log=$VAR/log/$program.log
    wait_until "$READY_TIMEOUT_S" program_settled "$program" ||
      die "$program was not ready within $READY_TIMEOUT_S s: $(log_reason "$log") (see $log)"
    process_running "$RUN/$program.pid" || die "$program ended at start: $(log_reason "$log") (see $log)"
  done
}
