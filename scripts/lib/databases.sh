# shellcheck shell=bash
# One database for each service that keeps data. A new service with tables adds its name here.
# shellcheck disable=SC2034  # read by the scripts that source this
DATABASE_SERVICES=(identity messaging)
