#!/usr/bin/env bash
# Boots a Debian root under the real systemd, installs the package and checks the service with its sandbox on.
#
#   sudo systemd/boot-check.sh cprs_*.deb [ROOT]     ROOT: a debootstrap root to reuse or to make (default: a temporary one)
#
# Needs debootstrap and systemd-container. Where the machine refuses namespaces it says so and exits with 77, "skipped".
# Checks: the socket starts the daemon at the first request; the sandbox holds; a stopped process is restarted by the
# watchdog; a reload swaps the model and drops no stream; idle exit and re-activation; no user text in the journal.
set -uo pipefail
package=$(realpath "${1:?usage: boot-check.sh PACKAGE.deb [ROOT]}")
root=${2:-}
machine=cprs-check-$$

skip() { echo "skipped: $*"; exit 77; }
[ "$(id -u)" = 0 ] || skip "needs root"
command -v systemd-nspawn >/dev/null || skip "systemd-nspawn is missing: apt-get install systemd-container"

if [ -z "$root" ]; then
    temporary=$(mktemp -d)
    root=$temporary/root
fi
if [ ! -x "$root/usr/bin/systemctl" ]; then
    command -v debootstrap >/dev/null || skip "debootstrap is missing"
    echo "making a Debian root in $root"
    # The first alternative of each dependency; without the package's versions, which debootstrap does not take.
    depends=$(dpkg-deb -f "$package" Depends | tr ',' '\n' | sed -E 's/\|.*//; s/\(.*//; s/[[:space:]]//g' | paste -sd,)
    debootstrap --variant=minbase --include="systemd,systemd-sysv,dbus,procps,python3-minimal,$depends" bookworm "$root" \
        >/dev/null || skip "debootstrap failed"
fi

# The container gets what it needs from files, so it needs no network; apt only resolves what the root holds.
cp "$package" "$root/root/cprs.deb"
log=$(mktemp)
cat > "$root/root/check.sh" <<'INSIDE'
#!/bin/bash
# Runs inside; prints "ok NAME" or "FAIL NAME: why".
question="Who signed the contract in the harbour?"
check() { # NAME COMMAND...
    local name=$1; shift
    if output=$("$@" 2>&1); then echo "ok $name"; else echo "FAIL $name: $(tail -c 400 <<<"$output" | tr '\n' ' ')"; fi
}
text() { for i in $(seq 1 "$1"); do echo "Line $i of a long report about ships. Captain Almeida signed the contract in the harbour on day $i."; done; }
main_pid() { systemctl show -p MainPID --value cprsd.service; }
active() { [ "$(systemctl is-active cprsd.service)" = active ]; }

install_package() { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /root/cprs.deb; }
start=$(date +%s)
check "the package installs" install_package
check "the socket listens" systemctl is-active cprsd.socket
check "nothing runs before the first request" bash -c '! systemctl is-active --quiet cprsd.service'
text 200 > /root/report.txt
compress() { cprs compress --socket /run/cprs/cprsd.sock --query "$question" "$@" > /root/kept.txt && [ -s /root/kept.txt ]; }
check "the first request starts the daemon and is answered" compress /root/report.txt
echo "note $(( $(date +%s) - start )) s from apt install to the first answer"
check "the daemon is active" active
check "the status line says what it serves" bash -c 'systemctl show -p StatusText cprsd.service | grep -q .'

# The sandbox: probes that run with the unit's own settings.
mkdir -p /etc/systemd/system
for name in inet write home exec; do
    case $name in
        inet) command="python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM)'" ;;
        write) command="python3 -c 'open(\"/var/lib/probe\", \"w\")'" ;;
        home) command="python3 -c 'import os; os.listdir(\"/root\")'" ;;
        exec) command="python3 -c 'import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)'" ;;
    esac
    # The unit as shipped, with another program: the sandbox is what is tested.
    sed -e "s|^ExecStart=.*|ExecStart=/usr/bin/$command|" -e '/^ExecReload/d' -e 's/^Type=.*/Type=oneshot/' -e '/^WatchdogSec/d' \
        -e 's/^Restart=.*/Restart=no/' -e '/^RestartPreventExitStatus/d' -e '/^Requires=/d' -e '/^After=/d' \
        -e 's|^ExecPaths=.*|ExecPaths=/usr/bin /usr/lib /usr/lib64|' /usr/lib/systemd/system/cprsd.service \
        > "/etc/systemd/system/probe-$name.service"
done
# The same unit with a harmless program must work, or a refusal would prove nothing.
sed -e "s|^ExecStart=.*|ExecStart=/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX)'|" \
    /etc/systemd/system/probe-inet.service > /etc/systemd/system/probe-harmless.service
systemctl daemon-reload
check "a harmless probe runs in the sandbox" systemctl start probe-harmless.service
for name in inet write home exec; do
    check "the sandbox refuses: $name" bash -c "! systemctl start probe-$name.service"
done

# Watchdog: with a short one, so that the check takes seconds.
mkdir -p /etc/systemd/system/cprsd.service.d
printf '[Service]\nWatchdogSec=4\nRestartSec=0\n' > /etc/systemd/system/cprsd.service.d/check.conf
systemctl daemon-reload
systemctl restart cprsd.service
before=$(main_pid)
kill -STOP "$before"
restarted() { for i in $(seq 1 60); do [ "$(main_pid)" != "$before" ] && [ "$(main_pid)" != 0 ] && active && return 0; sleep 0.5; done; return 1; }
check "the watchdog restarts a stopped process" restarted
check "requests are answered after the restart" compress /root/report.txt

# Reload under a running stream.
reload_under_load() {
    text 20000 > /root/long.txt
    cprs compress --socket /run/cprs/cprsd.sock --query "$question" /root/long.txt > /root/long-kept.txt 2>/root/long-errors.txt &
    local stream=$! pid
    pid=$(main_pid)
    sleep 1
    systemctl reload cprsd.service || return 1
    sleep 1
    compress /root/report.txt || return 1
    wait $stream || { cat /root/long-errors.txt; return 1; }
    [ "$(main_pid)" = "$pid" ] && [ -s /root/long-kept.txt ]
}
check "a reload swaps the model and drops no stream" reload_under_load
check "the journal says that the model was swapped" bash -c 'journalctl -u cprsd.service --no-pager | grep -qi "model"'

# Idle exit and activation again.
printf '[Service]\nEnvironment=CPRSD_IDLE_EXIT_SECONDS=2\n' > /etc/systemd/system/cprsd.service.d/idle.conf
systemctl daemon-reload
systemctl restart cprsd.service
idle() { for i in $(seq 1 40); do [ "$(systemctl is-active cprsd.service)" = inactive ] && return 0; sleep 0.5; done; systemctl status cprsd.service; return 1; }
check "an idle daemon ends" idle
check "the next request starts it again" compress /root/report.txt

check "the journal holds no user text" bash -c '! journalctl --no-pager -o cat | grep -E "Almeida|harbour"'
removed() { DEBIAN_FRONTEND=noninteractive apt-get purge -y cprs && [ ! -e /usr/bin/cprsd ] && ! systemctl is-active --quiet cprsd.socket; }
[ -n "${KEEP:-}" ] || check "the package goes without a trace" removed
journalctl -u cprsd.service --no-pager -o cat | tail -5 | sed 's/^/note /'
INSIDE
chmod +x "$root/root/check.sh"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
cat > "$root/etc/systemd/system/cprs-check.service" <<'UNIT'
[Unit]
Description=Checks of the cprs package
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=append:/root/check.log
StandardError=append:/root/check.log
ExecStart=/root/check.sh
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
UNIT
ln -sf ../cprs-check.service "$root/etc/systemd/system/multi-user.target.wants/cprs-check.service"
rm -f "$root/root/check.log"

timeout "${BOOT_TIMEOUT:-420}" systemd-nspawn -D "$root" --boot --register=no --keep-unit --machine="$machine" \
    --private-network --console=pipe < /dev/null > "$log" 2>&1
status=$?
rm -f "$root/etc/systemd/system/multi-user.target.wants/cprs-check.service"
if [ ! -s "$root/root/check.log" ]; then
    tail -5 "$log"
    # No unit ran at all: the machine refused the container.
    skip "the container did not boot (systemd-nspawn: $status)"
fi
cat "$root/root/check.log"
passed=$(grep -c '^ok ' "$root/root/check.log")
failed=$(grep -c '^FAIL ' "$root/root/check.log")
[ -n "${temporary:-}" ] && rm -rf "$temporary"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -ge 15 ]
