#!/bin/sh
# run_fuzz.sh TARGET CORPUS: the corpus, then FUZZ_SECONDS of new inputs (default 0). New inputs stay in a scratch folder; a finding is
# written beside the working directory as crash-*.
set -eu
target=$1
corpus=$2
"$target" -runs=0 "$corpus"
seconds=${FUZZ_SECONDS:-0}
if [ "$seconds" -gt 0 ]; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    "$target" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 "$scratch" "$corpus"
fi
