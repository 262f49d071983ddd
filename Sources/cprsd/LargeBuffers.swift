internal import Glibc

/// Large buffers go back to the system when they are freed.
///
/// By default glibc takes the largest buffer that was ever freed as the size from which on it maps them, so that after one
/// large request the next ones lie in its heaps, between small ones that keep them from shrinking: memory at rest then
/// wandered between 30 and 70 MB, and stays at 35 MB with a fixed size.
enum LargeBuffers {
    /// Bytes from which on a buffer is mapped. Smaller ones would cost more time in the kernel than they save.
    private static let bytes: Int32 = 1 << 20
    /// `M_MMAP_THRESHOLD` of malloc.h, which Swift's Glibc module leaves out with `mallopt` itself.
    private static let option: Int32 = -3

    /// Fixes the size; does nothing under another allocator.
    static func giveBack() {
        guard let symbol = dlsym(nil, "mallopt") else { return }
        // int mallopt(int param, int value), mallopt(3).
        let mallopt = unsafeBitCast(symbol, to: (@convention(c) (Int32, Int32) -> Int32).self)
        _ = mallopt(Self.option, Self.bytes)
    }
}
