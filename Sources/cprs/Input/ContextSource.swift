internal import CPRSCore
internal import CPRSDigest
internal import Glibc
internal import Synchronization

/// The context's bytes: read once in order, and once more for the pieces that are kept.
///
/// A regular file is read again from the disk cache, so nothing of it is held; a pipe's bytes are held until
/// ``release(before:)`` says that no decision needs them. One thread reads on while another asks for pieces.
final class ContextSource: Sendable {
    /// What messages call it.
    let name: String
    /// Bytes in all, if known beforehand.
    let totalBytes: Int?
    /// Whether ``sha256`` is computed.
    let isHashed: Bool

    private static let chunkBytes = 1 << 16
    private let descriptor: Int32
    private let isRegular: Bool
    private let opened: FileFacts
    private let state = Mutex(State())

    private struct State: Sendable {
        /// Offset of the next byte to be handed out in order.
        var position = 0
        /// Bytes of a pipe that may still be asked for.
        var held: [UInt8] = []
        var heldStart = 0
        var digest = SHA256Digest()
    }

    /// What would differ if the file were changed.
    private struct FileFacts: Hashable, Sendable {
        var size: Int
        var seconds: Int
        var nanoseconds: Int

        init(_ status: stat) {
            self.size = Int(status.st_size)
            self.seconds = status.st_mtim.tv_sec
            self.nanoseconds = status.st_mtim.tv_nsec
        }
    }

    /// Opens a file, or standard input for `-`.
    ///
    /// - Parameter isHashed: compute ``sha256`` of what is read.
    init(path: String, isHashed: Bool = false) throws(CPRSError) {
        self.isHashed = isHashed
        self.name = path == "-" ? "standard input" : path
        self.descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        var status = stat()
        guard self.descriptor >= 0, fstat(self.descriptor, &status) == 0 else { throw Self.failure(self.name) }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw CPRSError(
                code: .notFound, message: "\(self.name): is a directory; name a file, or - for standard input")
        }
        self.opened = FileFacts(status)
        // Standard input redirected from a file may start anywhere in it, so it is treated as a pipe.
        self.isRegular = status.st_mode & S_IFMT == S_IFREG && path != "-"
        self.totalBytes = status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    }

    deinit {
        if self.descriptor > STDERR_FILENO { close(self.descriptor) }
    }

    /// SHA-256 of what ``next()`` has returned; nil unless it is computed.
    var sha256: [UInt8]? { self.isHashed ? self.state.withLock { $0.digest.finalized() } : nil }

    /// The next bytes in order, or nil at the end.
    func next() throws(CPRSError) -> [UInt8]? {
        if let again = self.nextHeld() { return again }
        let chunk = try self.read(count: Self.chunkBytes) { base, count in Glibc.read(self.descriptor, base, count) }
        guard !chunk.isEmpty else { return nil }
        self.state.withLock { state in
            if !self.isRegular { state.held += chunk }
            self.hand(chunk, &state)
        }
        return chunk
    }

    /// What a pipe gave before ``rewind()``.
    private func nextHeld() -> [UInt8]? {
        self.state.withLock { state in
            let rest = state.held.dropFirst(state.position - state.heldStart)
            guard !self.isRegular, !rest.isEmpty else { return nil }
            let chunk = Array(rest.prefix(Self.chunkBytes))
            self.hand(chunk, &state)
            return chunk
        }
    }

    private func hand(_ chunk: [UInt8], _ state: inout State) {
        state.position += chunk.count
        if self.isHashed { state.digest.update(chunk) }
    }

    /// Starts again from the first byte; false if that is gone.
    func rewind() -> Bool {
        self.state.withLock { state in
            guard state.heldStart == 0 else { return false }
            if self.isRegular, lseek(self.descriptor, 0, SEEK_SET) != 0 { return false }
            state.position = 0
            state.digest = SHA256Digest()
            return true
        }
    }

    /// Bytes that ``next()`` has already returned.
    ///
    /// - Precondition: `range` starts at or after the last released offset and ends at or before what was returned.
    func bytes(_ range: ByteRange) throws(CPRSError) -> [UInt8] {
        guard self.isRegular else {
            return self.state.withLock { state in
                precondition(range.lowerBound >= state.heldStart, "\(range) was released up to \(state.heldStart)")
                return Array(state.held[range.lowerBound - state.heldStart..<range.upperBound - state.heldStart])
            }
        }
        var bytes: [UInt8] = []
        while bytes.count < range.count {
            let offset = range.lowerBound + bytes.count
            let part = try self.read(count: range.upperBound - offset) { base, count in
                pread(self.descriptor, base, count, off_t(offset))
            }
            guard !part.isEmpty else { throw self.changed() }
            bytes += part
        }
        return bytes
    }

    /// Lets go of everything before `offset`.
    func release(before offset: Int) {
        guard !self.isRegular else { return }
        self.state.withLock { state in
            guard offset - state.heldStart > state.held.count / 2 else { return }
            state.held.removeFirst(offset - state.heldStart)
            state.heldStart = offset
        }
    }

    /// Checks that a file is still what it was when it was opened, so that offsets and text belong together.
    func checkUnchanged() throws(CPRSError) {
        var status = stat()
        guard self.isRegular, fstat(self.descriptor, &status) == 0 else { return }
        if FileFacts(status) != self.opened { throw self.changed() }
    }

    private func changed() -> CPRSError {
        CPRSError(code: .invalidText, message: "\(self.name): changed while it was being read; the result is void")
    }

    private func read(
        count: Int, _ call: (UnsafeMutableRawPointer?, Int) -> Int
    ) throws(CPRSError) -> [UInt8] {
        var result = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            repeat { result = call(buffer.baseAddress, count) } while result < 0 && errno == EINTR
            initialized = max(0, result)
        }
        if result < 0 { throw Self.failure(self.name) }
        return bytes
    }

    private static func failure(_ name: String) -> CPRSError {
        CPRSError(code: .notFound, message: "\(name): \(String(cString: strerror(errno)))")
    }
}
