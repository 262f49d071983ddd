// Linked into programs under ThreadSanitizer: tells it of the locking that it cannot see.
//
// `Synchronization.Mutex` locks and unlocks with a compare-exchange inside our code, which is instrumented. When threads
// meet, the rest happens in libswiftSynchronization.so, which is not: every contended lock would be reported as a race.
// These two take the library's place, call it, and add the edge that its atomics make. Swift 6.3, Linux.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

// _MutexHandle._lockSlow(UInt32) and ._unlockSlow()
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

void __tsan_acquire(void *address);
void __tsan_release(void *address);

typedef SWIFT void lock_slow(uint32_t seen, SELF void *mutex);
typedef SWIFT void unlock_slow(SELF void *mutex);

SWIFT void cprs_test_lock_slow(uint32_t seen, SELF void *mutex) __asm__(LOCK_SLOW);
SWIFT void cprs_test_unlock_slow(SELF void *mutex) __asm__(UNLOCK_SLOW);

static lock_slow *original_lock;
static unlock_slow *original_unlock;

__attribute__((constructor)) static void find_originals(void) {
    original_lock = (lock_slow *)dlsym(RTLD_NEXT, LOCK_SLOW);
    original_unlock = (unlock_slow *)dlsym(RTLD_NEXT, UNLOCK_SLOW);
}

SWIFT void cprs_test_lock_slow(uint32_t seen, SELF void *mutex) {
    original_lock(seen, mutex);
    __tsan_acquire(mutex);
}

SWIFT void cprs_test_unlock_slow(SELF void *mutex) {
    __tsan_release(mutex);
    original_unlock(mutex);
}
