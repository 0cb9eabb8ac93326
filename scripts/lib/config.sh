# shellcheck shell=bash
# Secrets and the configuration file. Sourced, after common.sh.

DEVELOPMENT_PASSWORD=harbour-2026 # of the example company; documented, so only ever for an installation that holds nothing real

secrets_make() { # DIR
  mkdir -p "$1"
  chmod 0700 "$1"
  write_secret "$1/service_key" < <(random_hex 32)
  [[ -s $1/identity_signing_key.pem ]] ||
    write_secret "$1/identity_signing_key.pem" < <(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null)
  [[ -s $1/identity_signing_key.pem ]] || die "openssl made no signing key: run 'openssl genpkey -algorithm EC' to see why"
}

# Prints the first of COUNT free ports in a row, from the one kept for NAME in var/state, or DEFAULT, and keeps it.
state_port() { # NAME DEFAULT [COUNT]
  local file=$VAR/state/$1_port port offset
  port=$(cat "$file" 2>/dev/null || echo "$2")
  for ((offset = 0; offset < ${3:-1}; offset++)); do
    if port_in_use $((port + offset)); then
      port=$((port + offset + 1))
      offset=-1
    fi
  done
  printf '%s\n' "$port" | tee "$file"
}

yaml_peers() { # MODE IDENTITY_PORT MESSAGING_PORT
  [[ $1 == services ]] || return 0
  printf '  peers:\n    identity: "http://127.0.0.1:%s"\n    messaging: "http://127.0.0.1:%s"' "$2" "$3"
}

# Fills the template kongsi.yaml.in: @NAME@ becomes VALUE.
config_write() { # FILE NAME=VALUE…
  local file=$1 text pair
  text=$(<"$ROOT/scripts/lib/kongsi.yaml.in")
  shift
  for pair in "$@"; do
    text=${text//@${pair%%=*}@/"${pair#*=}"}
  done
  [[ $text =~ @[A-Z_]+@ ]] && die "no value for ${BASH_REMATCH[0]} of kongsi.yaml.in"
  (umask 077 && grep -v '^$' <<<"$text" >"$file.new") && mv "$file.new" "$file"
}
