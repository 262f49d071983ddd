#!/usr/bin/env bash
# Runs the Swift tests, and the programs that they start, under a sanitizer.
#
#   Tests/Sanitizers/run.sh thread|address|kernels [ARGUMENT OF swift test ...]     default: every test
#
#   thread     everything under ThreadSanitizer
#   address    everything under AddressSanitizer, C also under UndefinedBehaviorSanitizer
#   kernels    the same for our C alone; Swift comes from the ordinary release build, and tests above the engine are left out
#
# Exit status 1 if a test failed, if any process had something to report (.build/sanitizers/NAME/reports), or if a sanitizer
# was not in force. Needs a Swift toolchain and libopenblas-dev. `thread` and `address` first build all anew.
set -euo pipefail
cd "$(dirname "$0")/../.."

name=${1:-}
case $name in
    thread | address | kernels) shift ;;
    *)
        echo "thread, address or kernels? (got \"$name\")" >&2
        exit 64 ;;
esac
here=$PWD/Tests/Sanitizers build=$PWD/.build/sanitizers/$name
reports=$build/reports
mkdir -p "$reports"
# The folder that clang is in has a runtime for it, unlike another clang of the system.
clang=$(dirname "$(readlink -f "$(command -v swiftc)")")/clang

fail() {
    echo "$1" >&2
    exit 1
}

# The linker's warnings are about symbols of the sanitizer itself.
link() { swiftc -O -g "$@" 2> >(grep -v 'Cannot export local symbol' >&2); }

# ---- What differs. Reports go to files, one for each process, as no test judges what a process says when it ends.

report_to=log_path=$reports/report
c_undefined=(-fsanitize=undefined -fno-sanitize-recover=all)
case $name in
    thread)
        sanitizer=thread swift_mark=__tsan_ c_mark=__tsan_ faults=(race) sound=(mutex)
        "$clang" -O2 -c "$here/swift_mutex.c" -o "$build/swift_mutex.o"
        linked=("$build/swift_mutex.o")
        build_flags=(--sanitize=thread -Xlinker "$build/swift_mutex.o")
        export TSAN_OPTIONS=$report_to:second_deadlock_stack=1:history_size=4 ;;
    address | kernels)
        sanitizer=address swift_mark=__asan_ c_mark=__ubsan_ faults=(overflow shift) sound=()
        linked=()
        build_flags=(--sanitize=address -Xcc "${c_undefined[0]}" -Xcc "${c_undefined[1]}")
        # LeakSanitizer does not follow the pointers with tag bits of Swift's enums.
        export ASAN_OPTIONS=$report_to:detect_leaks=0:detect_stack_use_after_return=0
        export UBSAN_OPTIONS=$report_to:print_stacktrace=1 ;;
esac

# ---- A fault must be reported, with these options; what only looks like one must not.

link -sanitize=$sanitizer "$here/SelfTest/main.swift" ${linked[@]+"${linked[@]}"} -o "$build/self-test"
"$clang" -O1 -g "${c_undefined[@]}" "$here/SelfTest/shift.c" -o "$build/self-test-c"
for case in "${faults[@]}" ${sound[@]+"${sound[@]}"}; do
    rm -f "$reports"/*
    program=$build/self-test rc=0
    if [ "$case" = shift ]; then program=$build/self-test-c; fi
    "$program" "$case" >/dev/null 2>&1 || rc=$?
    found=$(find "$reports" -type f -size +0 | wc -l)
    case " ${sound[*]-} " in
        *" $case "*) [ "$rc/$found" = 0/0 ] || fail "the sound program \"$case\" is reported" ;;
        *) [ "$rc" != 0 ] && [ "$found" = 1 ] || fail "the faulty program \"$case\" is not reported" ;;
    esac
done
rm -f "$reports"/*

# ---- Build, and look whether every module of ours is instrumented.

# is_instrumented FOLDER MARK: whether objects of the folder call the sanitizer.
is_instrumented() { [ "$(find "$1" -name '*.o' -exec nm {} + 2>/dev/null | grep -c "$2" || true)" -gt 0 ]; }

build_all() {
    swift build -c release --scratch-path "$build" "${build_flags[@]}" --product cprsPackageTests >"$build/build.log" 2>&1 || {
        tail -20 "$build/build.log"
        fail "the build failed"
    }
    local module mark
    for module in "$build"/release/{CCPRS,CPRS,cprs}*.build; do
        mark=$swift_mark
        if [ "${module##*/}" = CCPRSKernels.build ]; then mark=$c_mark; fi
        is_instrumented "$module" "$mark" || fail "$module was built without $name"
    done
    tests=(swift test -c release --scratch-path "$build" "${build_flags[@]}" --skip-build)
}

build_kernels() {
    local release=.build/release source module objects=()
    swift build -c release --product cprsPackageTests >"$build/build.log" 2>&1
    rm -rf "$build/c"
    mkdir "$build/c"
    for source in Sources/CCPRSKernels/*.c; do
        "$clang" -O2 -g -fno-omit-frame-pointer -fsanitize=address "${c_undefined[@]}" -ISources/CCPRSKernels/include \
            -c "$source" -o "$build/c/$(basename "$source").o"
    done
    is_instrumented "$build/c" __asan_ && is_instrumented "$build/c" $c_mark || fail "the kernels were built without $name"
    # Our modules below the protocol with their tests, and what they import.
    for module in CPRS{Core,JSON,Digest,Tokenizer,Tensors,Model,Segmentation,Patterns,Engine,Runtime,Scheduler}{,Tests} \
        CPRS{TestSupport,FuzzTargets,FuzzTests} CCPRSKernelsTests Crypto CryptoBoringWrapper CCryptoBoringSSL{,Shims} CXKCP{,Shims}; do
        mapfile -t -O ${#objects[@]} objects < <(find $release/"$module".build -name '*.o')
    done
    link -sanitize=address -parse-as-library "$here/Runner.swift" "$build"/c/*.o "${objects[@]}" -lopenblas -lstdc++ \
        -o "$build/kernel-tests"
    tests=("$build/kernel-tests" --testing-library swift-testing)
}

started=$SECONDS
if [ "$name" = kernels ]; then build_kernels; else build_all; fi
build_seconds=$((SECONDS - started))

# ---- Run

started=$SECONDS status=0
"${tests[@]}" --no-parallel "$@" >"$build/test.log" 2>&1 || status=1
grep -qE 'Test run with [1-9][0-9]* tests?' "$build/test.log" || status=1
grep -E '^✘|Test run with' "$build/test.log" | tail -40 || true
found=$(find "$reports" -type f -size +0 | wc -l)
if [ "$found" != 0 ]; then
    status=1
    echo "what was reported, and how often:"
    grep -hE '^SUMMARY|runtime error' "$reports"/* | sort | uniq -c | sort -rn | head -40
fi
echo "$name: $([ $status = 0 ] && echo 'nothing reported' || echo FAILED); reports of $found processes;" \
    "build $build_seconds s, tests $((SECONDS - started)) s"
exit $status
