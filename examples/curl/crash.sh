#!/bin/sh
# kill -9 in the middle of an answer. Starts servers of its own on PORT with data in a scratch folder.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
port=${PORT:-8765}
URL=http://127.0.0.1:$port
. "$root/examples/curl/request.sh"
folder=$(mktemp -d)
server=

start() {
    "$root/.venv/bin/python" "$root/manage.py" serve --port "$port" --data "$folder/data" \
        >>"$folder/log" 2>&1 &
    server=$!
    until curl --silent --fail "$URL/health" >/dev/null; do
        kill -0 "$server" || exit 1
        sleep 0.2
    done
}

finish() {
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT

start
request /v1/runs --dump-header "$folder/headers" --data '{
    "agent_id": "demo-slow",
    "messages": [{"role": "user", "content": "Survive this"}]
}' >"$folder/first" 2>/dev/null &
until grep -q text_delta "$folder/first"; do
    sleep 0.2
done
run=$(header x-run-id "$folder/headers")
echo "Killing the server after $(grep -c text_delta "$folder/first") pieces of the answer of run $run"
kill -9 "$server"
wait "$server" 2>/dev/null || true

echo "Starting it again; the lease of the dead worker runs out after ten seconds"
start
request "/v1/runs/$run/events/stream?cursor=0" |
    sed -n 's/.*"payload":{"event_type":"\([a-z_]*\)".*/\1/p' | uniq -c
echo "It ended: $(request "/v1/runs/$run" | member termination_code)"
