#!/bin/sh
# A run and its stream: run.sh [text]
set -eu
. "$(dirname "$0")/request.sh"

request /v1/runs --data "{
    \"agent_id\": \"demo-echo\",
    \"messages\": [{\"role\": \"user\", \"content\": \"${1:-Hello, durable world}\"}]
}"
