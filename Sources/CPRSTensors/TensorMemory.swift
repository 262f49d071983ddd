package import CPRSCore
internal import Glibc

/// Memory that outlives the views into it: a mapped file, or pages of our own.
package protocol TensorMemory: AnyObject, Sendable {
    /// All of it; valid while the object lives.
    var bytes: UnsafeRawBufferPointer { get }
}

/// Zeroed memory of our own, page-aligned. Pages that nobody touches cost nothing.
///
/// `malloc` is not used, because a request of several gigabytes must fail with an error, not end the process later.
package final class OwnedMemory: TensorMemory, @unchecked Sendable {
    // Sendable: the address never changes; who writes where is settled by the owner before it shares the object.
    let base: UnsafeMutableRawPointer
    private let byteCount: Int

    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: self.base, count: self.byteCount) }

    /// Reserves `byteCount` bytes.
    ///
    /// - Throws: `invalidArgument` if the system refuses; `purpose` says in the message what they were for.
    package init(byteCount: Int, purpose: String) throws(CPRSError) {
        let length = max(byteCount, 1)
        let address = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let address, address != MAP_FAILED else {
            throw CPRSError(
                code: .invalidArgument,
                message: "no memory for \(purpose): \(length) bytes refused (\(String(cString: strerror(errno))))")
        }
        // Fewer page-table misses in matrix products; a hint, so its failure does not matter.
        _ = madvise(address, length, MADV_HUGEPAGE)
        self.base = address
        self.byteCount = length
    }

    deinit { munmap(self.base, self.byteCount) }
}
