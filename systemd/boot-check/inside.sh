#!/usr/bin/env bash
# The checks of boot-check.sh, inside the container. Prints "ok NAME", "FAIL NAME: why", "note ..." or "skip ...".
#
# /check holds cprs.deb and probe, and is where results go.
set -uo pipefail
question="Who signed the contract in the harbour?"
socket=/run/cprs/cprsd.sock

check() { # NAME COMMAND...
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then echo "ok $name"; else echo "FAIL $name: $(tail -c 600 <<<"$output" | tr '\n' ' ')"; fi
}
within() { # SECONDS COMMAND...: until it succeeds
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}
report() { for i in $(seq 1 "$1"); do echo "Ship $i came in late. Captain Almeida signed the contract in the harbour on day $i."; done; }
state() { systemctl show -p "$1" --value cprsd.service; }
is() { [ "$(state "$1")" = "$2" ]; }
drop_in() { # NAME LINE...: settings of the service
    mkdir -p /etc/systemd/system/cprsd.service.d
    { echo "[Service]"; printf '%s\n' "${@:2}"; } > "/etc/systemd/system/cprsd.service.d/$1.conf"
    systemctl daemon-reload
}
compress() { cprs compress --query "$question" /check/report.txt > /check/kept.txt && grep -q Almeida /check/kept.txt; }

if ! systemd-run --quiet --wait -p PrivateNetwork=yes -p ProtectSystem=strict -p NoExecPaths=/srv true; then
    echo "skip the machine refuses namespaces to units"
    exit
fi
report 200 > /check/report.txt

# ---- Installation and the first request

install_package() { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /check/cprs.deb; }
SECONDS=0
check "the package installs" install_package
# What follows would only repeat it.
[ -x /usr/bin/cprsd ] || exit 1
check "the socket listens" systemctl is-active cprsd.socket
check "nothing runs before the first request" is ActiveState inactive
check "the first request starts the daemon and is answered" compress
echo "note first answer $SECONDS s after the start of apt-get install"
check "the first answer comes within a minute of the installation" [ $SECONDS -le 60 ]
check "it was the daemon that answered" bash -c 'cprs status --json | grep -q "\"admitted_requests\":1,"'
check "the daemon is active" is ActiveState active
status_line() { state StatusText | grep -q .; }
check "the status line says what it serves" status_line
echo "note status: $(state StatusText)"

useradd -m -G cprs member
useradd stranger
check "a member of the group is answered" runuser -u member -- cprs status
refused_stranger() { ! runuser -u stranger -- cprs status --socket $socket; }
check "nobody else is" refused_stranger

# ---- The sandbox

# The unit as shipped, with the probe in the daemon's place.
cp /usr/lib/systemd/system/cprsd.service /etc/systemd/system/probe.service
mkdir -p /etc/systemd/system/probe.service.d
cat > /etc/systemd/system/probe.service.d/probe.conf <<'UNIT'
[Service]
Type=oneshot
BindReadOnlyPaths=/check/probe:/usr/bin/cprsd
StandardOutput=truncate:/check/inside-unit.txt
WatchdogSec=0
Restart=no
UNIT
systemctl daemon-reload
check "the probe runs in the unit's sandbox" systemctl start probe.service
/check/probe > /check/outside-unit.txt
check "the probe is allowed everything without a sandbox" bash -c '! grep refused /check/outside-unit.txt && grep -q inet-socket /check/outside-unit.txt'
while read -r attempt _; do
    case $attempt in
        unix-socket | write-own-folder) verdict=allowed ;;
        *) verdict=refused ;;
    esac
    check "in the sandbox, $attempt is $verdict" grep -x "$attempt $verdict.*" /check/inside-unit.txt
done < /check/outside-unit.txt
confined() {
    local pid
    pid=$(state MainPID)
    grep -E '^(Uid|CapEff|CapPrm|NoNewPrivs|Seccomp):' "/proc/$pid/status"
    grep -qx "CapEff:.0000000000000000" "/proc/$pid/status" && grep -qx "CapPrm:.0000000000000000" "/proc/$pid/status" &&
        grep -qx "NoNewPrivs:.1" "/proc/$pid/status" && grep -qx "Seccomp:.2" "/proc/$pid/status" &&
        [ "$(stat -c %U "/proc/$pid")" = cprs ] && [ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/1/ns/net)" ]
}
check "the running daemon has no privilege, a system call filter and a network namespace of its own" confined

# ---- Watchdog, with a shorter time than the unit's, so that the check takes seconds

drop_in check WatchdogSec=4
systemctl restart cprsd.service
stopped=$(state MainPID)
# 0 would be this script's own process group.
[ "$stopped" -gt 0 ] && kill -STOP "$stopped"
SECONDS=0
restarted() { [ "$(state MainPID)" != "$stopped" ] && ! is MainPID 0 && is ActiveState active; }
check "the watchdog restarts a stopped process" within 30 restarted
echo "note restarted after $SECONDS s, of which 4 are the watchdog's"
check "requests are answered after the restart" compress

# ---- Reload under a running stream

default=/usr/share/cprs/default-model.cprs
for copy in first second; do cp $default /var/lib/cprs/models/$copy; done
ln -s first /var/lib/cprs/models/current
drop_in model Environment=CPRSD_MODEL=/var/lib/cprs/models/current
systemctl restart cprsd.service
maps() { grep -q "/var/lib/cprs/models/$1" "/proc/$(state MainPID)/maps"; }
check "the daemon maps the model that the settings name" maps first
report 8000 > /check/long.txt
before=$(state MainPID)
cprs compress --query "$question" /check/long.txt --receipt /check/receipt > /check/long-kept.txt 2> /check/long-errors.txt &
stream=$!
running() { cprs status --json | grep -q '"active_requests":1,'; }
check "a stream runs" within 10 running
ln -sfn second /var/lib/cprs/models/current
check "systemctl reload succeeds" systemctl reload cprsd.service
check "the reload swaps the model" within 30 maps second
check "a new request is answered" compress
check "the stream was running all the while" kill -0 $stream
wait $stream
ended=$?
check "the stream ends well" [ $ended = 0 ]
check "the stream's answer fits its receipt" cprs verify /check/receipt --input /check/long.txt --output /check/long-kept.txt
check "the process is the same" is MainPID "$before"

# ---- An upgrade, here to the same version

stopped=$(state MainPID)
listening=$(stat -c %i $socket)
# Nobody who asks meanwhile may notice. --socket, lest the command computes by itself.
ask_until_upgraded() {
    while [ ! -e /check/upgraded ]; do
        cprs compress --socket $socket --query "$question" /check/report.txt > /check/kept.txt &&
            grep -q Almeida /check/kept.txt && echo answered
    done
}
ask_until_upgraded > /check/answers.txt 2> /check/answers-errors.txt &
asking=$!
install_again() { DEBIAN_FRONTEND=noninteractive apt-get install -y --reinstall --no-install-recommends /check/cprs.deb; }
check "the package installs over itself" install_again
check "a daemon that ran runs on, as a new process" within 30 restarted
touch /check/upgraded
wait $asking
check "the socket is the one of before" [ "$(stat -c %i $socket)" = "$listening" ]
echo "note $(wc -l < /check/answers.txt) requests answered during the upgrade"
check "requests are answered during the upgrade" grep -q answered /check/answers.txt
check "none is refused" bash -c '! grep . /check/answers-errors.txt'

# ---- Idle exit

drop_in idle Environment=CPRSD_IDLE_EXIT_SECONDS=2
systemctl restart cprsd.service
check "an idle daemon ends" within 20 is ActiveState inactive
check "its end counts as success" is Result success
check "the socket still listens" systemctl is-active cprsd.socket
check "the next request starts it again" compress

# ---- A user's own daemon

user=$(id -u member)
# What pam_systemd would set, in a root that may be without it.
mkdir -p /etc/systemd/system/user@.service.d
printf '[Service]\nEnvironment=XDG_RUNTIME_DIR=/run/user/%%i\n' > /etc/systemd/system/user@.service.d/check.conf
systemctl daemon-reload
as_member() { runuser -u member -- env XDG_RUNTIME_DIR="/run/user/$user" "$@"; }
check "a user's service manager starts" systemctl start "user@$user.service"
check "the user's socket listens" as_member systemctl --user start cprsd.socket
compress_as_member() {
    as_member cprs compress --query "$question" /check/report.txt > /check/kept.txt && grep -q Almeida /check/kept.txt
}
check "the user's first request is answered" compress_as_member
check "it was the user's own daemon that answered" as_member systemctl --user is-active cprsd.service
check "a reload of the user's daemon succeeds" as_member systemctl --user reload cprsd.service

# ---- The journal

printf 'Almeida \xff' > /check/bad.txt
refused_text() { ! cprs compress --query "$question" --socket $socket /check/bad.txt; }
check "a text that is not UTF-8 is refused" refused_text
# Without the command lines that this script itself logs by way of PAM.
journalctl --no-pager -o verbose | grep -v _CMDLINE= > /check/journal.txt
check "the journal holds the requests" grep -q "request finished" /check/journal.txt
check "the daemon has nothing to complain of" bash -c '! journalctl --no-pager _COMM=cprsd -p warning -o cat | grep .'
check "the journal holds no user text" bash -c '! grep -iE "almeida|harbour|contract" /check/journal.txt'

# ---- Removal

check "no unit has failed" bash -c '! systemctl --failed --no-legend --plain | grep .'
remove() { DEBIAN_FRONTEND=noninteractive apt-get "$1" -y cprs; }
check "the package is removed" remove remove
gone() { [ ! -e /usr/bin/cprsd ] && [ ! -e $socket ] && ! systemctl is-active --quiet cprsd.socket cprsd.service; }
check "nothing of it runs or listens" gone
check "the settings stay" [ -e /etc/default/cprsd ]
check "the models stay" [ -e /var/lib/cprs/models/second ]
check "no unit has failed by the removal" bash -c '! systemctl --failed --no-legend --plain | grep .'
# What these checks made.
rm -rf /etc/systemd/system/cprsd.service.d /var/lib/cprs/models/* /{etc,root,var/lib}/cprs-probe
check "the package is purged" remove purge
check "no file of it is left" bash -c '! find / /run -xdev -path "/run/[!c]*" -prune -o -name "*cprs*" ! -name "cprs-check.*" -print | grep .'
journalctl --no-pager -o cat -u cprsd.service | tail -n 3 | sed 's/^/note journal: /'
echo "note end"
