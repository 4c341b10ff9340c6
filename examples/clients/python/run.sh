#!/bin/sh
# Makes the stubs once, then runs the client: run.sh [MANIFEST.json]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
proto=$(cd "$here/../../../proto" && pwd)
cache=${COLCHIS_CLIENTS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/colchis-clients}/python
mkdir -p "$cache"
sum=$(cat "$here/requirements.txt" "$proto"/colchis/v1/*.proto | sha256sum | cut -c1-16)
if [ ! -e "$cache/made-$sum" ]; then
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    rm -rf "$cache/stubs"
    mkdir "$cache/stubs"
    "$cache/venv/bin/python" -m grpc_tools.protoc --proto_path="$proto" --python_out="$cache/stubs" --grpc_python_out="$cache/stubs" "$proto"/colchis/v1/*.proto
    touch "$cache/made-$sum"
fi
PYTHONPATH="$cache/stubs" exec "$cache/venv/bin/python" "$here/main.py" "$@"
