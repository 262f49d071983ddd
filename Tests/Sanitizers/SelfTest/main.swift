// What Tests/Sanitizers/run.sh tries before it trusts a sanitizer. Argument: one of the faults below, or `mutex`.
import Glibc
import Synchronization

/// Runs `body` on four threads.
func onThreads(_ body: @escaping @Sendable () -> Void) {
    let box = Box(body: body)
    let threads = (0..<4).map { _ in
        var thread = pthread_t()
        // Each thread balances its own retain.
        pthread_create(
            &thread, nil,
            {
                Unmanaged<Box>.fromOpaque($0!).takeRetainedValue().body()
                return nil
            }, Unmanaged.passRetained(box).toOpaque())
        return thread
    }
    for thread in threads { pthread_join(thread, nil) }
}

final class Box: Sendable {
    let body: @Sendable () -> Void

    init(body: @escaping @Sendable () -> Void) { self.body = body }
}

// Unchecked: the race is what is wanted.
final class Counter: @unchecked Sendable { var value = 0 }

final class LockedList: Sendable { let values = Mutex<[Int]>([]) }

switch CommandLine.arguments.last {
case "race":
    let counter = Counter()
    onThreads { for _ in 0..<1000 { counter.value += 1 } }
    print(counter.value)
case "mutex":
    let list = LockedList()
    onThreads {
        for _ in 0..<20_000 {
            list.values.withLock { values in
                if values.count > 50 { values.removeAll() }
                values.append(values.count)
            }
        }
    }
    print(list.values.withLock { $0.count })
case "overflow":
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 8)
    defer { bytes.deallocate() }
    for index in 0..<8 + CommandLine.arguments.count { bytes[index] = 1 }
    print(bytes[8])
default:
    exit(64)
}
