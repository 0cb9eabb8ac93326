# shellcheck shell=bash
# Imports the example company, examples/harbour-retail, once. Sourced, after common.sh.
#
# Each step may be repeated: making the organization answers the same for the same request_id, the import updates what is
# there, the role is set. So a start that was killed here just runs all of them again.

EXAMPLE=$ROOT/examples/harbour-retail
EXAMPLE_SLUG=harbour-retail
EXAMPLE_ADMINISTRATOR=HR00001
EXAMPLE_REQUEST_ID=01980000-0000-7000-8000-000000000001
EXAMPLE_CALL_TIMEOUT_S=60

example_call() { # METHOD; JSON on stdin
  timeout "$EXAMPLE_CALL_TIMEOUT_S" "$ROOT/build/kongsi" --config "$VAR/etc/kongsi.yaml" \
    call "kongsi.identity.v1.IdentityService/$1" 9>&- 2>>"$VAR/log/example.log" | tee -a "$VAR/log/example.log"
}

example_failed() {
  die "cannot import the example company: $(tail -n 1 "$VAR/log/example.log" | cut -c1-300) (see $VAR/log/example.log)"
}

example_import() {
  local marker=$VAR/state/example-imported report
  [[ -e $marker ]] && return 0
  note "importing the example company"
  : >"$VAR/log/example.log"
  example_call CreateOrganization >/dev/null <<JSON || grep -q SLUG_TAKEN "$VAR/log/example.log" || example_failed
{"request_id": "$EXAMPLE_REQUEST_ID", "slug": "$EXAMPLE_SLUG", "name": "Harbour Retail Limited"}
JSON
  report=$(example_call ImportOrganizationDirectory <<JSON
{"organization": "$EXAMPLE_SLUG",
 "departments_csv": "$(base64 -w 0 "$EXAMPLE/departments.csv")",
 "staff_csv": "$(base64 -w 0 "$EXAMPLE/staff.csv")"}
JSON
  ) || example_failed
  grep -qE '"applied": *true' <<<"$report" || example_failed
  example_call SetUserRole >/dev/null <<JSON || example_failed
{"organization": "$EXAMPLE_SLUG", "external_id": "$EXAMPLE_ADMINISTRATOR", "role": "USER_ROLE_ADMINISTRATOR"}
JSON
  : >"$marker"
}
