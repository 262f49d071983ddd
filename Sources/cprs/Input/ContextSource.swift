internal import CPRSCore
internal import Glibc

/// The context's bytes: read once in order, and once more for the pieces that are kept.
///
/// A regular file is read again from the disk cache, so nothing of it is held; a pipe's bytes are held until
/// ``release(before:)`` says that no decision needs them.
final class ContextSource {
    /// What messages call it.
    let name: String
    /// Bytes in all, if known beforehand.
    let totalBytes: Int?
    /// Bytes read so far.
    private(set) var bytesRead = 0

    private static let chunkBytes = 1 << 16
    private let descriptor: Int32
    private let isRegular: Bool
    private let opened: stat
    private var held: [UInt8] = []
    private var heldStart = 0

    /// Opens a file, or standard input for `-`.
    init(path: String) throws(CPRSError) {
        self.name = path == "-" ? "standard input" : path
        self.descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        var status = stat()
        guard self.descriptor >= 0, fstat(self.descriptor, &status) == 0 else { throw Self.failure(self.name) }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw CPRSError(
                code: .notFound, message: "\(self.name): is a directory; name a file, or - for standard input")
        }
        self.opened = status
        // Standard input redirected from a file may start anywhere in it, so it is treated as a pipe.
        self.isRegular = status.st_mode & S_IFMT == S_IFREG && path != "-"
        self.totalBytes = status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    }

    deinit {
        if self.descriptor > STDERR_FILENO { close(self.descriptor) }
    }

    /// The next bytes in order, or nil at the end.
    func next() throws(CPRSError) -> [UInt8]? {
        let chunk = try self.read(count: Self.chunkBytes) { base, count in Glibc.read(self.descriptor, base, count) }
        guard !chunk.isEmpty else { return nil }
        self.bytesRead += chunk.count
        if !self.isRegular { self.held += chunk }
        return chunk
    }

    /// Bytes that ``next()`` has already returned.
    ///
    /// - Precondition: `range` starts at or after the last released offset and ends at or before `bytesRead`.
    func bytes(_ range: ByteRange) throws(CPRSError) -> [UInt8] {
        guard self.isRegular else {
            precondition(range.lowerBound >= self.heldStart, "\(range) was released up to \(self.heldStart)")
            return Array(self.held[range.lowerBound - self.heldStart..<range.upperBound - self.heldStart])
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
        guard !self.isRegular, offset - self.heldStart > self.held.count / 2 else { return }
        self.held.removeFirst(offset - self.heldStart)
        self.heldStart = offset
    }

    /// Checks that a file is still what it was when it was opened, so that offsets and text belong together.
    func checkUnchanged() throws(CPRSError) {
        var status = stat()
        guard self.isRegular, fstat(self.descriptor, &status) == 0 else { return }
        let same =
            status.st_size == self.opened.st_size && status.st_mtim.tv_sec == self.opened.st_mtim.tv_sec
            && status.st_mtim.tv_nsec == self.opened.st_mtim.tv_nsec
        if !same { throw self.changed() }
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
