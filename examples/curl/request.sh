# Sourced by the other scripts: where the server is, and how to speak to it.
URL=${URL:-http://127.0.0.1:8000}

# request PATH [arguments of curl]: one JSON request; fails on an error of the server.
request() {
    path=$1
    shift
    if [ -n "${KEY:-}" ]; then
        set -- -H "Authorization: Bearer $KEY" "$@"
    fi
    curl --silent --show-error --no-buffer --fail-with-body \
        -H 'Content-Type: application/json' "$@" "$URL$path"
}

# member NAME: a text member of this name in the line of JSON on standard input.
member() {
    sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p' | head -n 1
}

# header NAME FILE: a header that `curl --dump-header FILE` wrote down.
header() {
    awk -v name="$1:" 'tolower($1) == name {print $2}' "$2" | tr -d '\r'
}
