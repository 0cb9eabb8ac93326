# shellcheck shell=bash
# One script at a time changes what runs. The kernel drops the lock with the process, so a killed script leaves nothing behind.

LOCK_TIMEOUT_S=600

lock_take() { # FILE
  exec 9>"$1"
  flock -n 9 && return 0
  note "another start or stop is at work: waiting for it"
  flock -w "$LOCK_TIMEOUT_S" 9 || die "another start or stop did not end within $LOCK_TIMEOUT_S s: look for 'scripts/up' in ps"
}
