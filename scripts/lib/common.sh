# shellcheck shell=bash
# Ground that every script stands on: paths, messages, ports, room on disk. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
VAR=$ROOT/var
SCRIPT_NAME=$(basename "$0")
export LC_ALL=C.UTF-8 # messages of other programs are read here

DISK_FREE_MIN_KB=1048576 # PostgreSQL panics on a full disk; refusing early keeps the data whole

say() { printf '%s\n' "$*"; }
note() { printf '%s: %s\n' "$SCRIPT_NAME" "$*" >&2; }
die() {
  note "$*"
  exit 1
}

# Prints the comment block at the top of a script, which is its manual.
usage() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$0"; }

is_root() { [[ ${EUID:-$(id -u)} -eq 0 ]]; }

is_number() { [[ $1 =~ ^[0-9]+$ ]]; }

check_port_number() { # NAME VALUE
  is_number "$2" && (($2 >= 1 && $2 <= 65535)) || die "$1 is '$2': give a number from 1 to 65535"
}

# Prints the socket inodes that listen on PORT, on any address. Read from the kernel, since ss is not on every machine.
port_listener_inodes() { # PORT
  local hex
  printf -v hex '%04X' "$1"
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port=":$hex\$" '$4 == "0A" && $2 ~ port { print $10 }'
}

port_in_use() { # PORT
  [[ -n $(port_listener_inodes "$1") ]]
}

# Prints "program (process N)" of who listens on PORT, or nothing where the kernel does not tell us (another user's).
port_holder() { # PORT
  local inode link pid
  for inode in $(port_listener_inodes "$1"); do
    link=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null || true)
    [[ -n $link ]] || continue
    pid=${link#/proc/}
    pid=${pid%%/*}
    printf '%s (process %s)' "$(cat "/proc/$pid/comm" 2>/dev/null)" "$pid"
    return
  done
}

port_first_free() { # FROM
  local port=$1
  while port_in_use "$port"; do
    port=$((port + 1))
    ((port <= 65535)) || die "no free port from $1 on"
  done
  printf '%s' "$port"
}

check_port_free() { # PORT ADVICE
  port_in_use "$1" || return 0
  local holder
  holder=$(port_holder "$1")
  die "port $1 is in use${holder:+ by $holder}: $2"
}

# Refuses early where nothing can be written, instead of failing half-way.
check_writable() { # DIR
  mkdir -p "$1" 2>/dev/null && ( : >"$1/.write-test") 2>/dev/null ||
    die "cannot write to $1: make it writable for $(id -un), or use a copy of the project that is"
  rm -f "$1/.write-test"
}

check_disk_room() { # DIR
  local free_kb
  free_kb=$(df -Pk "$1" | awk 'NR == 2 { print $4 }')
  ((free_kb >= DISK_FREE_MIN_KB)) ||
    die "only $((free_kb / 1024)) MiB are free on the disk of $1: free at least $((DISK_FREE_MIN_KB / 1024)) MiB and start again"
}

# Waits until COMMAND succeeds; fails at the deadline.
wait_until() { # SECONDS COMMAND…
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

write_secret() { # FILE, value on stdin; an existing secret is kept
  if [[ -s $1 ]]; then
    cat >/dev/null
    return 0
  fi
  (umask 077 && cat >"$1.new") && mv "$1.new" "$1"
}

random_hex() { # BYTES
  od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'
}
