internal import Glibc

/// When freed memory goes back to the system: not between the chunks of a stream, but once nobody asks for anything.
///
/// By default glibc gives pages back and takes them again all the time while a stream's buffers come and go, so the
/// process's size wanders by a third and every return costs page faults.
///
/// Source: mallopt(3), malloc_trim(3). Swift's Glibc module does not show malloc.h, so both are looked up by name; where
/// another C library lacks them, its own policy stays.
enum HeapPolicy {
    private enum Parameter {
        static let trimThreshold: Int32 = -1
        static let mmapThreshold: Int32 = -3
        static let arenaMax: Int32 = -8
    }

    /// Freed bytes at the end of the heap that are kept while requests run.
    private static let keptBytes: Int32 = 32 << 20
    /// Blocks beyond this are mappings of their own and go back at once; glibc's largest.
    private static let mappedBytes: Int32 = 32 << 20
    /// One heap for the event loop and the pool's threads: what one frees, another uses.
    private static let heaps: Int32 = 1

    /// Call it before other threads run.
    static func apply() {
        guard let symbol = dlsym(nil, "mallopt") else { return }
        // Its declaration in malloc.h: int mallopt(int, int).
        let mallopt = unsafeBitCast(symbol, to: (@convention(c) (Int32, Int32) -> Int32).self)
        // It refuses only values that cannot be, and these can.
        _ = mallopt(Parameter.arenaMax, Self.heaps)
        _ = mallopt(Parameter.trimThreshold, Self.keptBytes)
        _ = mallopt(Parameter.mmapThreshold, Self.mappedBytes)
    }

    /// Gives back what is free.
    static func trim() {
        guard let symbol = dlsym(nil, "malloc_trim") else { return }
        // Its declaration in malloc.h: int malloc_trim(size_t).
        _ = unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)(0)
    }
}
