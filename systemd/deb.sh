#!/usr/bin/env bash
# Builds cprs_VERSION_ARCH.deb from what install.sh installs.
#
#   systemd/deb.sh [FOLDER]    where to put it (default: .build)
#
# MAINTAINER is who the package says made it.
# Needs dpkg-dev beside what install.sh needs. `apt install ./cprs_*.deb` creates the user and starts the socket.
set -euo pipefail
umask 022
cd "$(dirname "$0")/.."

out=${1:-.build}
mkdir -p "$out"
out=$(realpath "$out")
version=$(sed -nE 's/^#define CPRS_VERSION "(.*)"/\1/p' Sources/CCPRSClient/include/cprs.h)
architecture=$(dpkg --print-architecture)
maintainer=${MAINTAINER:-The cprs authors <cprs@example.org>}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
DESTDIR=$root PREFIX=/usr LIBDIR=/usr/lib/$(gcc -print-multiarch) systemd/install.sh

strip --strip-unneeded "$root"/usr/lib/*/libcprs.so.*
strip --strip-debug "$root"/usr/lib/*/libcprs.a
find "$root/usr/lib" -name 'libcprs.so.*' -type f -exec chmod 644 {} +

# Files that Debian wants of a package.
documents=$root/usr/share/doc/cprs
rm "$documents/LICENSE"
date=$(git log -1 --format=%cD 2>/dev/null || date -R)
cat > "$documents/copyright" <<COPYRIGHT
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: cprs

Files: *
Copyright: $(date -d "$date" +%Y) The cprs authors
License: Apache-2.0
 On Debian systems, the text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.
COPYRIGHT
printf 'cprs (%s) unstable; urgency=medium\n\n  * See README.md.\n\n -- %s  %s\n' "$version" "$maintainer" "$date" |
    gzip -9n > "$documents/changelog.gz"

# The dependencies are read off the binaries.
mkdir -p "$work/debian" "$root/DEBIAN"
printf 'Source: cprs\n\nPackage: cprs\nArchitecture: any\n' > "$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O --ignore-missing-info -e"$root/usr/bin/cprs" -e"$root/usr/bin/cprsd" \
    -e"$(echo "$root"/usr/lib/*/libcprs.so.*.*)" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
# Either the package of all builds of OpenBLAS or the usual one of them.
depends=${depends/libopenblas0/libopenblas0 | libopenblas0-pthread}
# For /bin/kill, by which the units reload.
depends+=", procps"
cat > "$root/DEBIAN/control" <<CONTROL
Package: cprs
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $depends
Section: text
Priority: optional
Description: context compressor for language models
 Keeps the parts of a long text that answer a question, byte for byte. A small
 token critic reads the text next to the question on this machine's processor.
 .
 Holds the daemon cprsd with its systemd units, the command cprs, the C library
 libcprs with its header, and a default model.
CONTROL
echo /etc/default/cprsd > "$root/DEBIAN/conffiles"
echo "libcprs 0 cprs (>= $version)" > "$root/DEBIAN/shlibs"
echo 'activate-noawait ldconfig' > "$root/DEBIAN/triggers"
cat > "$root/DEBIAN/postinst" <<'SCRIPT'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    if command -v systemd-sysusers >/dev/null; then systemd-sysusers cprs.conf; fi
    if [ -d /run/systemd/system ]; then systemd-tmpfiles --create cprs.conf || true; fi
    deb-systemd-helper unmask cprsd.socket >/dev/null || true
    if deb-systemd-helper --quiet was-enabled cprsd.socket; then
        deb-systemd-helper enable cprsd.socket >/dev/null || true
    else
        deb-systemd-helper update-state cprsd.socket >/dev/null || true
    fi
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload >/dev/null || true
        deb-systemd-invoke start cprsd.socket >/dev/null || true
        # A daemon that runs goes on with the new binary.
        if [ -n "$2" ]; then deb-systemd-invoke try-restart cprsd.service >/dev/null || true; fi
    fi
fi
SCRIPT
cat > "$root/DEBIAN/prerm" <<'SCRIPT'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    deb-systemd-invoke stop cprsd.socket cprsd.service >/dev/null || true
fi
SCRIPT
cat > "$root/DEBIAN/postrm" <<'SCRIPT'
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl --system daemon-reload >/dev/null || true; fi
if [ "$1" = purge ]; then
    if command -v deb-systemd-helper >/dev/null; then deb-systemd-helper purge cprsd.socket >/dev/null || true; fi
    # What tmpfiles made; models that somebody put there stay.
    for folder in /run/cprs /var/lib/cprs/models /var/lib/cprs; do
        if [ -d "$folder" ]; then rmdir --ignore-fail-on-non-empty "$folder"; fi
    done
fi
SCRIPT
chmod 755 "$root"/DEBIAN/{postinst,prerm,postrm}
find "$root" -type d -exec chmod 755 {} +
(cd "$root" && find usr etc -type f -exec md5sum {} + > DEBIAN/md5sums)
# The default level takes a minute longer for a tenth less.
dpkg-deb --root-owner-group -z1 --build "$root" "$out/cprs_${version}_$architecture.deb"
