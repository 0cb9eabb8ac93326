# shellcheck shell=bash
# A private PostgreSQL cluster in a folder of its own. Sourced, after common.sh and databases.sh.
#
#   DIR/cluster/data   the cluster, owned by the system user that runs it
#   DIR/cluster/run    its unix socket
# PostgreSQL refuses to run as root, so root lends the cluster to the user the Debian package makes.

PG_BIN=/usr/lib/postgresql/15/bin
PG_SYSTEM_USER=postgres
PG_STORE=/var/lib/kongsi # where clusters go that PG_SYSTEM_USER could not reach in their own folder
PG_START_TIMEOUT_S=60
PG_STOP_TIMEOUT_S=60
PG_SOCKET_PATH_MAX=107 # sizeof(sockaddr_un.sun_path) - 1

pg_as_owner() {
  if is_root; then
    (cd / && HOME=/ setpriv --reuid="$PG_SYSTEM_USER" --regid="$PG_SYSTEM_USER" --clear-groups "$@")
  else
    "$@"
  fi
}

pg_cluster() { readlink -f "$1/cluster"; } # DIR; the real folder: PG_SYSTEM_USER may be unable to follow the link

pg_exists() { [[ -s $1/cluster/data/PG_VERSION && ! -e $1/cluster/unfinished ]]; } # DIR

# Makes DIR/cluster. Below a folder that PG_SYSTEM_USER may not enter (such as /root), it becomes a link into PG_STORE.
pg_make_folder() { # DIR
  local cluster=$1/cluster
  pg_remove_files "$1" # the rest of a creation that was cut off
  mkdir -p "$1"
  if is_root && ! pg_as_owner test -x "$(readlink -f "$1")"; then
    mkdir -p -m 0755 "$PG_STORE"
    ln -s "$(mktemp -d "$PG_STORE/postgres-XXXXXX")" "$cluster"
    pg_as_owner test -x "$PG_STORE" ||
      die "user $PG_SYSTEM_USER can enter neither $1 nor $PG_STORE: run 'chmod a+x' on the folders above one of them"
  else
    mkdir "$cluster"
  fi
  cluster=$(pg_cluster "$1")
  : >"$cluster/unfinished"
  mkdir "$cluster/data" "$cluster/run"
  chmod 0711 "$cluster"
  chmod 0755 "$cluster/run"
  if is_root; then
    chown "$PG_SYSTEM_USER:" "$cluster/data" "$cluster/run"
  fi
}

# Removes only what pg_make_folder made.
pg_remove_files() { # DIR
  local cluster
  if [[ -L $1/cluster ]]; then
    cluster=$(readlink "$1/cluster")
    [[ $cluster == "$PG_STORE"/postgres-* ]] || die "$1/cluster points to $cluster, which is not ours: remove the link by hand"
    rm -rf "$cluster"
  fi
  rm -rf "$1/cluster"
}

pg_create() { # DIR SECRETS
  local cluster password_copy
  pg_make_folder "$1"
  cluster=$(pg_cluster "$1")
  password_copy=$cluster/run/password
  pg_secrets "$2"
  # A copy for initdb: PG_SYSTEM_USER cannot read our secrets, and a command line is public.
  pg_as_owner sh -c 'umask 077 && cat >"$1"' - "$password_copy" <"$2/postgres_password"
  pg_as_owner "$PG_BIN/initdb" -D "$cluster/data" -U postgres --encoding=UTF8 --locale=C.UTF-8 \
    --auth=scram-sha-256 --pwfile="$password_copy" --data-checksums </dev/null >"$1/initdb.log" 2>&1 ||
    die "initdb failed: $(grep error "$1/initdb.log" | tail -n 1) (see $1/initdb.log)"
  rm -f "$password_copy"
  rm -f "$1/initdb.log"
  pg_as_owner tee -a "$cluster/data/postgresql.conf" <<<"include = 'kongsi.conf'" >/dev/null
  rm "$cluster/unfinished"
}

pg_secrets() { # SECRETS
  local role
  mkdir -p "$1"
  chmod 0700 "$1"
  for role in postgres kongsi_owner kongsi_app; do
    write_secret "$1/${role}_password" < <(random_hex 24)
  done
}

# Prints where clients connect: the socket folder, or loopback where its path is longer than a socket's may be.
pg_host() { # DIR PORT
  local run
  run=$(pg_cluster "$1")/run
  if ((${#run} + ${#2} + 10 <= PG_SOCKET_PATH_MAX)); then
    printf '%s' "$run"
  else
    printf '127.0.0.1'
  fi
}

# Sized for one small machine that runs everything; see docs/operations.md.
pg_configure() { # DIR PORT FSYNC
  local host sockets=
  host=$(pg_host "$1" "$2")
  [[ $host == 127.0.0.1 ]] || sockets=$host
  pg_as_owner tee "$(pg_cluster "$1")/data/kongsi.conf" >/dev/null <<CONF
# Written at each start; changes here are lost.
port = $2
listen_addresses = '127.0.0.1'
unix_socket_directories = '${sockets//\'/\'\'}'
max_connections = 200
shared_buffers = '64MB'
effective_cache_size = '512MB'
work_mem = '4MB'
maintenance_work_mem = '64MB'
fsync = $3
synchronous_commit = on
full_page_writes = on
wal_compression = on
wal_level = replica
min_wal_size = '80MB'
max_wal_size = '512MB'
checkpoint_timeout = '15min'
checkpoint_completion_target = 0.9
jit = off
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
log_connections = off
log_lock_waits = on
CONF
}

# Prints the process of the cluster's postmaster if it is alive and really ours, not a later process with its number.
pg_pid() { # DIR
  local data pid
  data=$(pg_cluster "$1")/data
  pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) || return 1
  [[ -n $pid && $(readlink "/proc/$pid/cwd") == "$data" ]] && printf '%s' "$pid"
}

pg_running() { # DIR
  [[ -e $1/cluster ]] && pg_pid "$1" >/dev/null
}

pg_port() { sed -n 4p "$(pg_cluster "$1")/data/postmaster.pid"; } # DIR; of a running cluster

pg_has_process() { # DATA
  local cwd
  for cwd in /proc/[0-9]*/cwd; do
    [[ $(readlink "$cwd") == "$1" ]] && return 0
  done
  return 1
}

pg_has_no_process() { ! pg_has_process "$1"; } # DATA

# After a kill: backends outlive their postmaster for a moment, and its process number may belong to somebody else by now,
# which PostgreSQL would take for a running server. The lock files go only once nobody works in the folder.
pg_recover() { # DIR
  local cluster data
  cluster=$(pg_cluster "$1")
  data=$cluster/data
  wait_until 15 pg_has_no_process "$data" ||
    die "processes of a killed PostgreSQL still use $data: end them and start again"
  rm -f "$data/postmaster.pid" "$cluster"/run/.s.PGSQL.*
}

pg_start() { # DIR PORT SECRETS LOG FSYNC
  local data
  pg_running "$1" && return 0
  pg_exists "$1" || pg_create "$1" "$3"
  data=$(pg_cluster "$1")/data
  pg_recover "$1"
  pg_configure "$1" "$2" "$5"
  # The log is opened here, not by pg_ctl: its folder need not be open to PG_SYSTEM_USER.
  pg_as_owner "$PG_BIN/pg_ctl" start -D "$data" -w -t "$PG_START_TIMEOUT_S" </dev/null >>"$4" 2>&1 9>&- ||
    die "PostgreSQL did not start: $(grep -E 'FATAL|PANIC|ERROR' "$4" | tail -n 1) (see $4)"
  pg_ensure_roles "$1" "$2" "$3" || die "cannot set up roles and databases in PostgreSQL (see $4)"
}

pg_admin() { # DIR PORT SECRETS, psql's further arguments; SQL on stdin
  local host
  host=$(pg_host "$1" "$2")
  PGPASSWORD=$(<"$3/postgres_password") "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 \
    -h "$host" -p "$2" -U postgres -d postgres "${@:4}"
}

# kongsi_owner runs migrations and owns what they make; kongsi_app is what services use: row-level security binds it.
# Passwords are set each time, so that secrets/ stays the truth.
pg_ensure_roles() { # DIR PORT SECRETS
  local service
  {
    cat <<SQL
SET client_min_messages = warning;
SET log_min_error_statement = panic; -- keeps passwords out of the log
SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['kongsi_owner', 'kongsi_app']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE kongsi_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '$(<"$3/kongsi_owner_password")';
ALTER ROLE kongsi_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '$(<"$3/kongsi_app_password")';
SQL
    for service in "${DATABASE_SERVICES[@]}"; do
      cat <<SQL
SELECT 'CREATE DATABASE kongsi_$service OWNER kongsi_owner'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'kongsi_$service') \gexec
REVOKE CONNECT, TEMPORARY ON DATABASE kongsi_$service FROM PUBLIC;
GRANT CONNECT ON DATABASE kongsi_$service TO kongsi_app;
SQL
    done
  } | pg_admin "$1" "$2" "$3" >/dev/null
}

pg_stop() { # DIR
  pg_running "$1" || return 0
  pg_as_owner "$PG_BIN/pg_ctl" stop -D "$(pg_cluster "$1")/data" -m fast -w -t "$PG_STOP_TIMEOUT_S" >/dev/null 2>&1 ||
    die "PostgreSQL (process $(pg_pid "$1")) did not stop within $PG_STOP_TIMEOUT_S s: look at its log"
}
