#!/usr/bin/env bash
# Searches with libFuzzer for inputs that break a promise, under ASan (C also under UBSan).
#
#   Tests/Fuzz/run.sh [--seconds 60] [TARGET ...]     default: every target, so many seconds each
#
# Searches as many targets at once as there are processors, and prints for each how many inputs were tried, what they
# covered and what broke. Exit status 1 if something did; the input lies in .build/fuzz/found/TARGET then. Inputs that
# reach new code collect in .build/fuzz/corpus/TARGET and are where the next run goes on. Needs a Swift toolchain, and
# for the target `client` libnghttp2-dev and libprotobuf-c-dev.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=60
if [ "${1:-}" = --seconds ]; then
    seconds=$2
    shift 2
fi
all=(session text patterns units spans tokenizer-file merges packed-tokenizer packed-model safetensors shard-index config
    json client)
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=("${all[@]}")
build=.build/fuzz
release=.build/release
mkdir -p $build

# ---- What is built: our modules with sanitizers. What they import from elsewhere comes from the ordinary release build.

clang_flags=(-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all)
crypto=.build/checkouts/swift-crypto/Sources
swift_flags=(-swift-version 6 -enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault
    -enable-upcoming-feature MemberImportVisibility -package-name cprs -parse-as-library -wmo -O -g
    # Preconditions of debug builds are checked, too.
    -assert-config Debug -sanitize=fuzzer,address -I $build -I $release/Modules
    -Xcc -fmodule-map-file=Sources/CCPRSOpenBLAS/module.modulemap
    -Xcc -fmodule-map-file=$release/CCPRSKernels.build/module.modulemap
    -Xcc -ISources/CCPRSKernels/include)
for module in CCryptoBoringSSL CCryptoBoringSSLShims CXKCP CXKCPShims; do
    swift_flags+=(-Xcc -fmodule-map-file=$crypto/$module/include/module.modulemap -Xcc -I$crypto/$module/include)
done
for flag in $(pkg-config --cflags openblas 2>/dev/null || true); do swift_flags+=(-Xcc "$flag"); done

# build_module NAME FOLDER: if a source is newer, or a module was built before that it may import.
is_rebuilding=false
build_module() {
    # Whole paths: tests find the default model from theirs.
    local object=$build/$1.o sources
    mapfile -t sources < <(find "$PWD/$2" -name '*.swift' | sort)
    if ! $is_rebuilding && [ -e "$object" ] && [ -z "$(find "${sources[@]}" -newer "$object" -print -quit)" ]; then return; fi
    is_rebuilding=true
    echo "building $1"
    rm -f "$object"
    swiftc "${swift_flags[@]}" -module-name "$1" -emit-module -emit-module-path "$build/$1.swiftmodule" \
        -c "${sources[@]}" -o "$object"
}

build_swift() {
    # Any build has what is imported from elsewhere.
    [ -e $release/Modules/Crypto.swiftmodule ] || swift build -c release --product cprs >/dev/null
    # The folder that clang is in has a runtime for it, unlike another clang of the system.
    clang=$(dirname "$(readlink -f "$(command -v swiftc)")")/clang
    mkdir -p $build/kernels
    for source in Sources/CCPRSKernels/*.c; do
        local object=$build/kernels/$(basename "$source").o
        [ "$object" -nt "$source" ] || "$clang" "${clang_flags[@]}" -ISources/CCPRSKernels/include -c "$source" -o "$object"
    done
    local module modules=(CPRSCore CPRSDigest CPRSJSON CPRSTokenizer CPRSPatterns CPRSSegmentation CPRSTensors CPRSModel CPRSEngine
        CPRSRuntime)
    for module in "${modules[@]}"; do build_module "$module" "Sources/$module"; done
    build_module CPRSTestSupport Tests/CPRSTestSupport
    build_module CPRSFuzzTargets Tests/Fuzz/Targets
    build_module Fuzz Tests/Fuzz/Main
    local dependencies
    mapfile -t dependencies < <(find $release/Crypto.build $release/CryptoBoringWrapper.build $release/CCrypto*.build \
        $release/CXKCP*.build -name '*.o')
    [ -z "$(find $build/*.o $build/kernels/*.o -newer $build/fuzz -print -quit 2>&1)" ] && return
    # The linker's warnings are about symbols of the sanitizer itself.
    swiftc -sanitize=fuzzer,address -g $build/*.o $build/kernels/*.o "${dependencies[@]}" -lopenblas -lstdc++ \
        -o $build/fuzz 2>&1 | grep -v 'Cannot export local symbol' || true
    [ -x $build/fuzz ]
}

build_client() {
    [ -z "$(find Tests/Fuzz/Client Sources/CCPRSClient -newer $build/fuzz-client -print -quit 2>&1)" ] && return
    clang=$(dirname "$(readlink -f "$(command -v swiftc)")")/clang
    "$clang" -std=c11 -D_GNU_SOURCE "${clang_flags[@]}" -fsanitize=fuzzer -Wl,--wrap=connect -ISources/CCPRSClient/include \
        -ISources/CCPRSClient Tests/Fuzz/Client/client_fuzz.c Sources/CCPRSClient/*.c Sources/CCPRSClient/generated/*.c \
        -lnghttp2 -lprotobuf-c -pthread -o $build/fuzz-client 2>&1 | grep -v 'Cannot export local symbol' || true
    [ -x $build/fuzz-client ]
}

is_client_asked=false is_swift_asked=false
for target in "${targets[@]}"; do
    case " ${all[*]} " in *" $target "*) ;; *)
        echo "there is no target $target; there are: ${all[*]}" >&2
        exit 64 ;;
    esac
    if [ "$target" = client ]; then is_client_asked=true; else is_swift_asked=true; fi
done
if $is_swift_asked; then build_swift; fi
if $is_client_asked; then build_client; fi

# ---- Searching

# Some targets make a file for each input, and would mostly wait for a disk.
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi

# search TARGET, in a process of its own: says what came of it in one go, since others search at the same time.
search() {
    local target=$1 corpus=$build/corpus/$1 found=$build/found/$1 log=$build/$1.log
    local program=$build/fuzz leaks=0 verdict='nothing broke'
    mkdir -p "$corpus" "$found" "Tests/Fuzz/Corpus/$target"
    # Swift's runtime keeps what it made once; LeakSanitizer cannot tell.
    if [ "$target" = client ]; then program=$build/fuzz-client leaks=1; fi
    # Swift's own handler of traps reads what AddressSanitizer guards.
    SWIFT_BACKTRACE=enable=no FUZZ_TARGET=$target \
        ASAN_OPTIONS=detect_leaks=$leaks:detect_stack_use_after_return=0 "$program" \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 -artifact_prefix="$found/" \
        -dict=Tests/Fuzz/words.dict "$corpus" "Tests/Fuzz/Corpus/$target" >"$log" 2>&1 || {
        verdict=$'BROKE\n'$(grep -E 'ERROR|SUMMARY|Fatal error|Test unit written' "$log" | head -8)
    }
    local tried covered user system
    tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    covered=$(grep -oE 'cov: [0-9]+ ft: [0-9]+' "$log" | tail -1)
    # Of this process's children, the program among them.
    read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ user system _ <"/proc/$$/stat"
    printf '%s: %s inputs tried in %s s of processor time, %s, %s\n' "$target" "${tried:-0}" \
        $(((user + system) / $(getconf CLK_TCK))) "${covered:-nothing covered}" "$verdict"
    [ "$verdict" = 'nothing broke' ]
}

export build seconds
export -f search
printf '%s\n' "${targets[@]}" | xargs -n 1 -P "$(nproc)" bash -c 'search "$1"' search || exit 1
