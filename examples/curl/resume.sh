#!/bin/sh
# Reading on after a broken connection, from exactly there.
set -eu
. "$(dirname "$0")/request.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# curl ends with 28 when its time is up; that is the point.
request /v1/runs --max-time 1 --dump-header "$folder/headers" --data '{
    "agent_id": "demo-slow",
    "messages": [{"role": "user", "content": "Take your time"}]
}' >"$folder/first" 2>/dev/null || [ $? -eq 28 ]
run=$(header x-run-id "$folder/headers")
last=$(awk '$1 == "id:" {id = $2} END {print id}' "$folder/first")
echo "Seen up to $last; the rest:"

request "/v1/runs/$run/events/stream" -H "Last-Event-ID: $last"
