#!/usr/bin/env bash
# Installs everything: daemon, CLI, C library, header, units, users, man pages, completions and the default model.
#
#   systemd/install.sh                            into /usr/local
#   PREFIX=/usr systemd/install.sh                into /usr
#   DESTDIR=root PREFIX=/usr systemd/install.sh   the same below a folder, for packages
#
# Needs Swift, a C compiler, make, libopenblas-dev, zlib1g-dev, libnghttp2-dev, libprotobuf-c-dev and python3. The first
# build takes 26 minutes of processor time; BIN names a folder of binaries that are built already. The binaries carry
# Swift's runtime; the machine needs none.
set -euo pipefail
umask 022
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}$prefix
version=$(sed -nE 's/^#define CPRS_VERSION "(.*)"/\1/p' Sources/CCPRSClient/include/cprs.h)
libdir=${LIBDIR:-$prefix/lib/$(gcc -print-multiarch)}

bin=${BIN:-}
if [ -z "$bin" ]; then
    # In a folder of their own: the flag makes SwiftPM compile everything again.
    build=(swift build -c release --static-swift-stdlib --scratch-path .build/static)
    "${build[@]}" --product cprs
    "${build[@]}" --product cprsd
    bin=$("${build[@]}" --show-bin-path)
fi
make -C Sources/CCPRSClient PREFIX="$prefix" LIBDIR="$libdir" DESTDIR="${DESTDIR:-}" BUILD="$PWD/.build/libcprs" install

# The release binaries hold symbols for crash reports of developers; users get them without.
install -d "$root/bin" "$root/share/cprs" "$root/share/man/man1" "$root/share/man/man8" "$root/share/doc/cprs"
for program in cprs cprsd; do
    strip -o "$root/bin/$program" "$bin/$program"
    chmod 755 "$root/bin/$program"
done

install -m 644 "$bin/cprs_CPRSRuntime.resources/default-model.cprs" "$root/share/cprs/"

"$bin/cprs" --experimental-dump-help | systemd/manpage.py 1 "$version" | gzip -9n > "$root/share/man/man1/cprs.1.gz"
"$bin/cprsd" --experimental-dump-help | systemd/manpage.py 8 "$version" | gzip -9n > "$root/share/man/man8/cprsd.8.gz"
install -m 644 LICENSE README.md "$root/share/doc/cprs/"
for shell in bash zsh fish; do
    case $shell in
        bash) file=bash-completion/completions/cprs ;;
        zsh) file=zsh/vendor-completions/_cprs ;;
        fish) file=fish/vendor_completions.d/cprs.fish ;;
    esac
    install -d "$root/share/$(dirname "$file")"
    # A completion is read by the shell, not run, so it needs no interpreter line.
    "$bin/cprs" --generate-completion-script "$shell" | sed '1{/^#!/d}' > "$root/share/$file"
done

# Units name the binary where it was put.
install -d "$root/lib/systemd/system" "$root/lib/systemd/user" "$root/lib/sysusers.d" "$root/lib/tmpfiles.d"
for unit in cprsd.service cprsd.socket; do
    sed "s|/usr/bin/cprsd|$prefix/bin/cprsd|g" "systemd/$unit" > "$root/lib/systemd/system/$unit"
    sed "s|/usr/bin/cprsd|$prefix/bin/cprsd|g" "systemd/user/$unit" > "$root/lib/systemd/user/$unit"
done
install -m 644 systemd/cprs.sysusers "$root/lib/sysusers.d/cprs.conf"
install -m 644 systemd/cprs.tmpfiles "$root/lib/tmpfiles.d/cprs.conf"
# Settings that somebody changed stay.
settings=${DESTDIR:-}/etc/default/cprsd
if [ ! -e "$settings" ]; then install -D -m 644 systemd/cprsd.env "$settings"; fi
echo "installed cprs $version below $root"
if [ -z "${DESTDIR:-}" ]; then
    echo "next, as root: ldconfig; systemd-sysusers; systemd-tmpfiles --create; systemctl daemon-reload; systemctl enable --now cprsd.socket"
fi
