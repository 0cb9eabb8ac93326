# shellcheck shell=bash
# Everything that scripts/up and scripts/down stand on, in order.
lib=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=lib/common.sh
source "$lib/common.sh"
# shellcheck source=lib/databases.sh
source "$lib/databases.sh"
# shellcheck source=lib/process.sh
source "$lib/process.sh"
# shellcheck source=lib/lock.sh
source "$lib/lock.sh"
# shellcheck source=lib/packages.sh
source "$lib/packages.sh"
# shellcheck source=lib/postgres.sh
source "$lib/postgres.sh"
# shellcheck source=lib/kafka.sh
source "$lib/kafka.sh"
# shellcheck source=lib/build.sh
source "$lib/build.sh"
# shellcheck source=lib/config.sh
source "$lib/config.sh"
# shellcheck source=lib/example.sh
source "$lib/example.sh"
# shellcheck source=lib/system.sh
source "$lib/system.sh"
