internal import Glibc

package enum AddressSanitizer {
    /// Whether this process, and so the programs of the same build, are under AddressSanitizer, whose allocator keeps what was
    /// freed for a while and has a way of its own to end when there is no memory.
    package static let isInForce = dlsym(nil, "__asan_init") != nil
}
