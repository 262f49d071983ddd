#!/usr/bin/env bash
# Installs the package in a Debian root, boots it under the real systemd, and checks the service with its sandbox on.
#
#   sudo systemd/boot-check.sh cprs_*.deb [ROOT]     ROOT: a Debian root, which stays as it is; made if it does not exist
#
# Checks: installation and a first answer within a minute; who may connect; the sandbox, by a probe in the daemon's
# place; the watchdog; a reload under a running stream; an upgrade under requests; idle exit and activation; no user text
# in the journal; removal, and that a purge leaves nothing.
#
# Needs root, gcc, systemd-container, and debootstrap to make a root. Exit codes: 0 all checks passed, 1 some did not,
# 77 skipped: the machine refuses the namespaces that containers and sandboxes are made of.
set -euo pipefail
usage="usage: boot-check.sh PACKAGE.deb [ROOT]"
package=$(realpath "${1:?$usage}")
cd "$(dirname "$0")"

skip() {
    echo "skipped: $*"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root"
command -v systemd-nspawn > /dev/null || skip "systemd-nspawn is missing: apt-get install systemd-container"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=${2:-$work/root}
if [ ! -e "$root" ]; then
    command -v debootstrap > /dev/null || skip "debootstrap is missing: apt-get install debootstrap"
    # Without the versions, which debootstrap does not take, and of alternatives the first.
    depends=$(dpkg-deb -f "$package" Depends | sed -E 's/\([^)]*\)//g; s/\|[^,]*//g; s/[[:space:]]//g')
    echo "making a Debian root in $root"
    debootstrap --variant=minbase --include="systemd,systemd-sysv,dbus,$depends" bookworm "$root" > "$work/debootstrap.log" ||
        { tail -n 5 "$work/debootstrap.log" && skip "debootstrap failed"; }
fi

# Everything that the container is given lies in one folder, which is also where it leaves its results.
mkdir "$work/check"
cp "$package" "$work/check/cprs.deb"
cp boot-check/inside.sh "$work/check/"
gcc -O1 -Wall -Wextra -Werror boot-check/probe.c -o "$work/check/probe"
cat > "$work/cprs-check.service" <<'UNIT'
[Unit]
Description=Checks of the cprs package
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
StandardOutput=truncate:/check/log.txt
StandardError=append:/check/log.txt
ExecStart=/check/inside.sh
UNIT
container=(systemd-nspawn --quiet --directory="$root" --volatile=overlay --register=no --keep-unit --private-network
    --bind="$work/check:/check" --bind-ro="$work/cprs-check.service:/etc/systemd/system/cprs-check.service")
if ! "${container[@]}" --machine=cprs-check --pipe true 2> "$work/nspawn.log" < /dev/null; then
    skip "the machine refuses a container: $(tail -n 3 "$work/nspawn.log" | paste -sd' ')"
fi
timeout "${BOOT_SECONDS:-600}" "${container[@]}" --machine=cprs-check --console=pipe --boot \
    systemd.wants=cprs-check.service > "$work/console.txt" 2>&1 < /dev/null || true

log=$work/check/log.txt
if [ ! -s "$log" ]; then
    tail -n 20 "$work/console.txt"
    echo "the container booted no check"
    exit 1
fi
cat "$log"
if reason=$(grep -m 1 '^skip ' "$log"); then skip "${reason#skip }"; fi
passed=$(grep -c '^ok ' "$log" || true)
failed=$(grep -c '^FAIL ' "$log" || true)
echo "$passed passed, $failed failed"
# The last line says that all checks were made.
[ "$failed" = 0 ] && tail -n 1 "$log" | grep -qx "note end"
