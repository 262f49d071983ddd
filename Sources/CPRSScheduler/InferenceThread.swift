package import CPRSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// An operating system thread that runs one function; arithmetic and blocking calls must not occupy Swift's cooperative
/// pool, which has about as many threads as the machine has cores.
package enum InferenceThread {
    /// Room for a forward pass and its BLAS; the default is 8 MiB too, but follows `ulimit -s`.
    private static let stackBytes = 8 << 20

    /// Starts a detached thread.
    ///
    /// - Parameter name: shown by `top -H`; at most 15 bytes.
    /// - Throws: `internal` if the system refuses another thread.
    package static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(CPRSError) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, Self.stackBytes)
        let box = Unmanaged.passRetained(Box(name: name, body: body))
        var thread = pthread_t()
        let status = pthread_create(
            &thread, &attributes,
            { pointer in
                // Retained for this thread by `passRetained` above; `pointer` is never nil.
                let box = Unmanaged<Box>.fromOpaque(pointer!).takeRetainedValue()
                Self.setName(box.name)
                box.body()
                return nil
            }, box.toOpaque())
        guard status == 0 else {
            box.release()
            throw CPRSError(
                code: .internal, message: "cannot start thread \(name): \(String(cString: strerror(status)))")
        }
    }

    /// Runs `body` on a thread of its own and waits for it without occupying one of the pool's.
    ///
    /// - Throws: what `body` throws; `internal` if the system refuses another thread.
    package static func run<Result: Sendable>(
        name: String, _ body: @escaping @Sendable () throws(CPRSError) -> Result
    ) async throws(CPRSError) -> Result {
        try await withCheckedContinuation { (answer: CheckedContinuation<Swift.Result<Result, CPRSError>, Never>) in
            do throws(CPRSError) {
                try Self.start(name: name) {
                    do throws(CPRSError) {
                        answer.resume(returning: .success(try body()))
                    } catch {
                        answer.resume(returning: .failure(error))
                    }
                }
            } catch {
                answer.resume(returning: .failure(error))
            }
        }.get()
    }

    /// Names the calling thread; `pthread_setname_np` is beyond what Swift's Glibc module shows.
    private static func setName(_ name: String) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        // The name is for people who look: without /proc the thread does its work unnamed.
        guard file >= 0 else { return }
        _ = write(file, name, name.utf8.count)
        close(file)
    }

    private final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}
