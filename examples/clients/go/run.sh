#!/bin/sh
# Makes the stubs once, then builds and runs the client: run.sh [MANIFEST.json]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
proto=$(cd "$here/../../../proto" && pwd)
cache=${COLCHIS_CLIENTS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/colchis-clients}/go
gen_go=v1.36.11
gen_grpc=v1.6.1
mkdir -p "$cache"
command -v protoc >/dev/null || { echo "protoc is missing (Debian: apt-get install protobuf-compiler)" >&2; exit 1; }
sum=$(cat "$here"/go.mod "$here"/go.sum "$here"/*.go "$here/run.sh" "$proto"/colchis/v1/*.proto | sha256sum | cut -c1-16)
if [ ! -e "$cache/client-$sum" ]; then
    GOBIN="$cache/bin" go install "google.golang.org/protobuf/cmd/protoc-gen-go@$gen_go"
    GOBIN="$cache/bin" go install "google.golang.org/grpc/cmd/protoc-gen-go-grpc@$gen_grpc"
    # The sources and the stubs stand together in the cache, so that nothing is written beside the example.
    rm -rf "$cache/src"
    mkdir -p "$cache/src"
    cp "$here"/go.mod "$here"/go.sum "$here"/*.go "$cache/src/"
    package=example.com/colchis-client/colchisv1
    set -- "$@"
    options=
    for file in "$proto"/colchis/v1/*.proto; do
        options="$options --go_opt=Mcolchis/v1/$(basename "$file")=$package --go-grpc_opt=Mcolchis/v1/$(basename "$file")=$package"
    done
    # shellcheck disable=SC2086
    PATH="$cache/bin:$PATH" protoc --proto_path="$proto" $options \
        --go_out="$cache/src" --go_opt=module=example.com/colchis-client \
        --go-grpc_out="$cache/src" --go-grpc_opt=module=example.com/colchis-client "$proto"/colchis/v1/*.proto
    (cd "$cache/src" && go build -mod=readonly -o "$cache/client-$sum" .)
fi
[ $# -gt 0 ] || set -- "$here/../hello.json"
exec "$cache/client-$sum" "$@"
