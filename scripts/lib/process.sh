# shellcheck shell=bash
# Background programs, remembered so that a later script ends the same process and never another that got its number.
# A pid file holds: pid, start time in clock ticks, boot id. Sourced, after common.sh.

process_start_time() { # PID
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  stat=${stat##*) } # the program's name may hold anything, a bracket too
  # shellcheck disable=SC2086  # split on purpose; field 22 of stat is field 20 after the name
  set -- $stat
  [[ $1 != Z ]] && printf '%s' "${20}"
}

# Prints the process a pid file means if it is still the same one.
process_pid() { # PIDFILE
  local pid start boot
  [[ -s $1 ]] && read -r pid start boot <"$1" || return 1
  [[ $boot == "$(</proc/sys/kernel/random/boot_id)" && $(process_start_time "$pid") == "$start" ]] && printf '%s' "$pid"
}

process_running() { process_pid "$1" >/dev/null; } # PIDFILE

# Starts a program in a session of its own, so that Ctrl-C on the script does not end it.
# Descriptor 9 is the scripts' lock (lock.sh); a program that kept it would lock out every later script.
process_start() { # PIDFILE LOG COMMAND…
  local pidfile=$1 log=$2 pid
  shift 2
  setsid "$@" </dev/null >>"$log" 2>&1 9>&- &
  pid=$!
  printf '%s %s %s\n' "$pid" "$(process_start_time "$pid")" "$(</proc/sys/kernel/random/boot_id)" >"$pidfile"
}

process_gone() { ! process_running "$1"; } # PIDFILE

# SIGTERM, a deadline, then SIGKILL, which it says.
process_stop() { # PIDFILE NAME SECONDS
  local pid
  if pid=$(process_pid "$1"); then
    kill -TERM "$pid" 2>/dev/null || true
    if ! wait_until "$3" process_gone "$1"; then
      note "$2 (process $pid) did not end within $3 s: killed"
      kill -KILL "$pid" 2>/dev/null || true
      wait_until 5 process_gone "$1" || die "$2 (process $pid) cannot be killed"
    fi
  fi
  rm -f "$1"
}
