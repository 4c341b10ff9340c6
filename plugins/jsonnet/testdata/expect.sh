#!/bin/sh
# Asks the real tool (0.22) for what each file gives: `testdata/expect.sh /path/to/jsonnet`. Arguments stand in jsonnet.args, one on each line.
set -eu
cd "$(dirname "$0")"
for folder in */; do
	(cd "$folder" && xargs -d '\n' -a jsonnet.args "$1" > expected.json)
done
