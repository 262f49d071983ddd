internal import Glibc

/// Memory that was freed goes back to the system, instead of waiting in glibc's heaps for the next request.
///
/// What of malloc.h is needed, Swift's Glibc module leaves out; under another allocator, nothing here does anything.
enum FreedMemory {
    /// Bytes from which on a buffer is mapped. Smaller ones would cost more time in the kernel than they save.
    private static let bytes: Int32 = 1 << 20
    /// `M_MMAP_THRESHOLD`.
    private static let option: Int32 = -3

    /// From now on large buffers go back when they are freed.
    ///
    /// By default glibc takes the largest buffer that was ever freed as the size from which on it maps them, so that after
    /// one large request the next ones lie in its heaps, between small ones that keep them from shrinking: memory at rest
    /// then wandered between 30 and 70 MB, and stays below 40 MB with a fixed size.
    static func giveBackLargeBuffers() {
        guard let symbol = dlsym(nil, "mallopt") else { return }
        // int mallopt(int param, int value), mallopt(3).
        let mallopt = unsafeBitCast(symbol, to: (@convention(c) (Int32, Int32) -> Int32).self)
        _ = mallopt(Self.option, Self.bytes)
    }

    /// Gives back what is free now between small buffers in use, a few megabytes after a large request.
    ///
    /// - Complexity: some milliseconds, in which other threads may wait for memory.
    static func giveBackAll() {
        guard let symbol = dlsym(nil, "malloc_trim") else { return }
        // int malloc_trim(size_t pad), malloc_trim(3).
        let trim = unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)
        _ = trim(0)
    }
}
