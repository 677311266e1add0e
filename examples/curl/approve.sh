#!/bin/sh
# A tool call that waits for a person, and the decision: approve.sh [resume|cancel]
set -eu
. "$(dirname "$0")/request.sh"
action=${1:-resume}
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT

echo "The agent starts, and waits:"
request '/v1/runs?close_on_suspend=true' --dump-header "$headers" --data '{
    "agent_id": "demo-approval",
    "messages": [{"role": "user", "content": "Clean up"}]
}' | grep run_finish
run=$(header x-run-id "$headers")

ticket=$(request "/v1/runs/$run" | member ticket_id)
echo "It asks $ticket. The answer is $action:"
request "/v1/runs/$run/decision" --data "{\"tool_call_id\": \"$ticket\", \"action\": \"$action\"}"
echo

echo "What happens then:"
request "/v1/runs/$run/events/stream?cursor=0" | grep -E 'tool_call_resumed|run_finish' | tail -n 2
