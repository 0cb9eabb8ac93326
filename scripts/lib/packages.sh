# shellcheck shell=bash
# What Kongsi needs from Debian, by purpose, and how it is installed. Sourced, after common.sh.

# shellcheck disable=SC2034  # read by name in packages_of
PACKAGES_build=(
  meson ninja-build pkg-config gcc libc6-dev python3 python3-protobuf
  protobuf-compiler protobuf-c-compiler libprotobuf-c-dev libprotobuf-dev
  libpq-dev libcivetweb-dev libwebsockets-dev libev-dev libuv1-dev librdkafka-dev
  libyaml-dev libjansson-dev libsodium-dev libcjose-dev libcurl4-openssl-dev libssl-dev zlib1g-dev
  libcmocka-dev uthash-dev
)
# shellcheck disable=SC2034
PACKAGES_run=(
  postgresql-15 libwebsockets-evlib-ev libwebsockets-evlib-uv ca-certificates curl openssl
)
# shellcheck disable=SC2034
PACKAGES_kafka=(default-jre-headless maven)
# shellcheck disable=SC2034
PACKAGES_test=(
  clang clang-format clang-tidy llvm chromium fonts-noto-cjk kcat git python3-venv shellcheck
)
NODE_MAJOR_MIN=18
APT_LOCK_TIMEOUT_S=300

# Node counts as there when it is new enough, wherever it comes from.
node_usable() {
  local version
  command -v npm >/dev/null && version=$(node --version 2>/dev/null) || return 1
  version=${version#v}
  ((${version%%.*} >= NODE_MAJOR_MIN))
}

kafka_usable() { command -v java >/dev/null && command -v mvn >/dev/null; }

packages_of() { # PURPOSE
  local -n list=PACKAGES_$1
  printf '%s\n' "${list[@]}"
}

# Prints the packages of the purposes that are not installed.
packages_missing() { # PURPOSE…
  local purpose wanted=()
  for purpose in "$@"; do
    case $purpose in
      web) node_usable || wanted+=(nodejs npm) ;;
      kafka) kafka_usable || mapfile -t -O "${#wanted[@]}" wanted < <(packages_of "$purpose") ;;
      *) mapfile -t -O "${#wanted[@]}" wanted < <(packages_of "$purpose") ;;
    esac
  done
  ((${#wanted[@]} > 0)) || return 0
  # One question for the whole list. dpkg-query leaves out what it does not know; what is only half there is not "installed".
  comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
    <(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/ installed$//p' | sort -u)
}

as_root() {
  if is_root; then
    "$@"
  else
    sudo "$@"
  fi
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout="$APT_LOCK_TIMEOUT_S" "$@"
}

# Debian's package makes and starts a server of its own, which nobody asked for: told not to for the time of the installation.
apt_install() { # LOG PACKAGE…
  local log=$1 drop_in=/etc/postgresql-common/createcluster.d/kongsi-installing.conf status=0
  shift
  if [[ " $* " == *' postgresql-15 '* ]]; then
    as_root mkdir -p "${drop_in%/*}"
    as_root tee "$drop_in" <<<'create_main_cluster = false' >/dev/null
  fi
  {
    apt_get update || true # where the network is gone, the packages may still lie in apt's cache
    apt_get install --no-install-recommends "$@" || status=$?
  } </dev/null >>"$log" 2>&1
  if [[ -e $drop_in ]]; then
    as_root rm -f "$drop_in"
  fi
  return "$status"
}

packages_ensure() { # LOG PURPOSE…
  local log=$1 missing
  shift
  mapfile -t missing < <(packages_missing "$@")
  ((${#missing[@]} > 0)) || return 0
  is_root || command -v sudo >/dev/null ||
    die "packages are missing and there is no sudo: run as root 'apt-get install --no-install-recommends ${missing[*]}'"
  note "installing ${#missing[@]} Debian packages (log: $log)"
  is_root || sudo -v || die "packages are missing: let sudo in, or run as root 'apt-get install --no-install-recommends ${missing[*]}'"
  apt_install "$log" "${missing[@]}" ||
    die "apt-get failed: $(grep -E '^E: ' "$log" | tail -n 1) (see $log)"
}
