#!/usr/bin/env bash
# Checks the units: no warning from `systemd-analyze verify`, exposure at most 1.5 of 10.
# Usage: systemd/check.sh [cprsd]   the binary that stands in for /usr/bin/cprsd; by default any program will do.
set -euo pipefail
binary=$(realpath "${1:-/bin/true}")
cd "$(dirname "$0")"
most=15

if ! command -v systemd-analyze >/dev/null; then
    echo "systemd-analyze is missing: apt-get install systemd" >&2
    exit 1
fi

# verify wants every program that a unit names, so it gets copies of the units that name one that exists.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/system" "$work/user" "$work/run"
# The user manager wants a runtime folder even for a dry look.
export XDG_RUNTIME_DIR="$work/run"
for folder in system user; do
    source=.
    [ "$folder" = user ] && source=user
    for unit in "$source"/*.service "$source"/*.socket; do
        # The manual page is installed by the package, not by the units.
        sed -e "s|/usr/bin/cprsd|$binary|g" -e '/^Documentation=/d' "$unit" >"$work/$folder/$(basename "$unit")"
    done
done

status=0
for mode in system user; do
    # Search only the copies and the system's own units, so that nothing else's defects are reported.
    output=$(SYSTEMD_UNIT_PATH="$work/$mode:/usr/lib/systemd/$mode:/lib/systemd/$mode" \
        systemd-analyze verify --"$mode" --man=no --recursive-errors=no \
        "$work/$mode/cprsd.service" "$work/$mode/cprsd.socket" 2>&1) || status=1
    if [ -n "$output" ]; then
        echo "$mode: $output" >&2
        status=1
    else
        echo "verify $mode: clean"
    fi
done

line=$(systemd-analyze security --offline=true --no-pager "$work/system/cprsd.service" | tail -1)
echo "$line"
exposure=$(sed -E 's/.*: ([0-9]+)\.([0-9]).*/\1\2/' <<<"$line")
if [ "$((10#$exposure))" -gt "$most" ]; then
    systemd-analyze security --offline=true --no-pager "$work/system/cprsd.service" | grep '✗' >&2
    echo "exposure must be at most 1.5" >&2
    status=1
fi
exit $status
