package import CPRSCore
internal import CPRSDigest
internal import Glibc

/// A tensor that a file will hold.
package struct TensorPlan: Hashable, Sendable {
    /// Its key in the file's header.
    package var name: String
    /// How its elements are written; nil for plain bytes (U8).
    package var type: ElementType?
    /// Sizes, slowest axis first.
    package var shape: [Int]

    package init(name: String, type: ElementType?, shape: [Int]) {
        self.name = name
        self.type = type
        self.shape = shape
    }

    /// Bytes of storage.
    package var byteCount: Int { self.shape.reduce(self.type?.bytes ?? 1, *) }
}

/// Writes a safetensors file tensor by tensor, so that a model never has to be in memory whole.
///
/// The data starts at a multiple of ``pageBytes`` and every tensor at a multiple of ``alignment`` in the file, so that a
/// mapping of it can be used as it is. The format forbids gaps: where one would be needed there is a small tensor named
/// `padding.N`. The metadata gets a ``SafetensorsManifest`` and its digest. The same tensors give the same bytes.
///
/// The file grows as `NAME.partial` beside its own name and is renamed when it is complete and on disk: there is never half
/// a file under the name, and processes that have mapped an older file keep it. A writer that is killed leaves the partial
/// file, which the next one overwrites; a lock on it keeps two writers apart.
package final class SafetensorsWriter {
    /// The data starts at a multiple of this many bytes.
    package static let pageBytes = 4096
    /// Every tensor starts at a multiple of this many bytes.
    package static let alignment = 64

    private let path: String
    private let temporaryPath: String
    private let replaces: Bool
    /// With the padding.
    private let tensors: [TensorPlan]
    private let metadata: [String: String]
    private var descriptor: Int32
    private var lines: [SafetensorsManifest.Line] = []
    private var hash = SHA256Digest()
    /// Bytes of the current tensor that were written.
    private var filled = 0

    /// Size of the finished file.
    package let fileBytes: Int
    private let dataStart: Int

    /// Starts a file.
    ///
    /// - Parameters:
    ///   - replaces: an existing file is replaced at the end; otherwise it is an error.
    ///   - tensors: what the file will hold, in this order; names without line breaks, each once.
    ///   - metadata: further entries of `__metadata__`.
    /// - Throws: `invalidArgument` if the file exists or a name cannot be stored; `notWritten` if it cannot be made, or if
    ///   somebody else is writing it.
    package init(
        path: String, replaces: Bool, tensors: [TensorPlan], metadata: [String: String]
    ) throws(CPRSError) {
        self.path = path
        self.temporaryPath = path + ".partial"
        self.replaces = replaces
        self.metadata = metadata
        self.tensors = Self.padded(tensors)
        if let bad = tensors.first(where: { $0.name.utf8.contains(UInt8(ascii: "\n")) }) {
            throw CPRSError(code: .invalidArgument, message: "\(path): a tensor's name holds a line break: \(bad.name)")
        }
        guard Set(self.tensors.map(\.name)).count == self.tensors.count else {
            throw CPRSError(code: .invalidArgument, message: "\(path): two tensors of the same name")
        }
        let blank = String(repeating: "0", count: SafetensorsManifest.digits)
        let lines = self.tensors.map { SafetensorsManifest.Line(sha256: blank, byteCount: $0.byteCount, name: $0.name) }
        self.dataStart = Self.header(self.tensors, metadata, SafetensorsManifest(lines: lines)).count
        self.fileBytes = self.tensors.reduce(self.dataStart) { $0 + $1.byteCount }
        self.descriptor = -1
        try self.checkTarget()
        self.descriptor = try self.openPartial()
        try self.skipFilled()
    }

    deinit {
        guard self.descriptor >= 0 else { return }
        close(self.descriptor)
        unlink(self.temporaryPath)
    }

    /// Writes the next bytes of the tensor `name`, which must be the one that the order of the plan asks for.
    ///
    /// - Throws: `notWritten` with the system's reason, such as a full disk.
    package func append(_ bytes: UnsafeRawBufferPointer, to name: String) throws(CPRSError) {
        guard !bytes.isEmpty else { return }
        let tensor = self.tensors[self.lines.count]
        precondition(
            tensor.name == name && self.filled + bytes.count <= tensor.byteCount,
            "\(bytes.count) bytes for \(name) after \(self.filled) of \(tensor)")
        try self.write(bytes, at: nil)
        self.hash.update(bytes)
        self.filled += bytes.count
        try self.skipFilled()
    }

    /// Writes the header, waits until the file is on disk, and gives it its name.
    ///
    /// - Returns: the manifest's digest, 64 hexadecimal digits.
    /// - Throws: `notWritten` with the system's reason; `invalidArgument` if the file has come to exist.
    package func finish() throws(CPRSError) -> String {
        precondition(self.lines.count == self.tensors.count, "\(self.lines.count) of \(self.tensors.count) tensors")
        let manifest = SafetensorsManifest(lines: self.lines)
        let header = Self.header(self.tensors, self.metadata, manifest)
        precondition(header.count == self.dataStart)
        try header.withUnsafeBufferPointer { (bytes) throws(CPRSError) in
            try self.write(UnsafeRawBufferPointer(bytes), at: 0)
        }
        guard fsync(self.descriptor) == 0 else { throw self.failure("cannot be written") }
        try self.checkTarget()
        guard rename(self.temporaryPath, self.path) == 0 else { throw self.failure("cannot be named") }
        close(self.descriptor)
        self.descriptor = -1
        self.syncFolder()
        return SafetensorsManifest.digest(of: Self.metadata(self.metadata, manifest))
    }

    /// Notes tensors that are complete and writes the padding behind them.
    private func skipFilled() throws(CPRSError) {
        while self.lines.count < self.tensors.count {
            let tensor = self.tensors[self.lines.count]
            if tensor.name.hasPrefix(Self.paddingPrefix), self.filled == 0 {
                let zeros = [UInt8](repeating: 0, count: tensor.byteCount)
                try zeros.withUnsafeBufferPointer { (bytes) throws(CPRSError) in
                    try self.write(UnsafeRawBufferPointer(bytes), at: nil)
                    self.hash.update(UnsafeRawBufferPointer(bytes))
                }
                self.filled = tensor.byteCount
            }
            guard self.filled == tensor.byteCount else { return }
            self.lines.append(
                SafetensorsManifest.Line(
                    sha256: self.hash.hexadecimal(), byteCount: tensor.byteCount, name: tensor.name))
            self.hash = SHA256Digest()
            self.filled = 0
        }
    }

    // MARK: - Files

    /// Opens the partial file, empty and locked.
    private func openPartial() throws(CPRSError) -> Int32 {
        let descriptor = open(self.temporaryPath, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw self.failure("cannot be created") }
        var (opened, named) = (stat(), stat())
        // Between opening and locking, another writer may have finished and renamed what was opened.
        let isMine =
            flock(descriptor, LOCK_EX | LOCK_NB) == 0 && fstat(descriptor, &opened) == 0
            && stat(self.temporaryPath, &named) == 0 && opened.st_ino == named.st_ino
        guard isMine else {
            close(descriptor)
            throw CPRSError(code: .notWritten, message: "\(self.temporaryPath) is being written by another process")
        }
        guard ftruncate(descriptor, 0) == 0 else {
            close(descriptor)
            throw self.failure("cannot be written")
        }
        return descriptor
    }

    private func checkTarget() throws(CPRSError) {
        guard !self.replaces, access(self.path, F_OK) == 0 else { return }
        throw CPRSError(code: .invalidArgument, message: "\(self.path) exists; it is replaced only if you ask for it")
    }

    /// Writes all of `bytes` at the end, or at an offset.
    private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int?) throws(CPRSError) {
        var done = 0
        if self.lines.isEmpty, self.filled == 0, offset == nil { lseek(self.descriptor, self.dataStart, SEEK_SET) }
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count =
                offset.map { pwrite(self.descriptor, rest.baseAddress, rest.count, $0 + done) }
                ?? Glibc.write(self.descriptor, rest.baseAddress, rest.count)
            guard count >= 0 || errno == EINTR else { throw self.failure("cannot be written") }
            done += max(count, 0)
        }
    }

    private func failure(_ what: String) -> CPRSError {
        CPRSError(code: .notWritten, message: "\(self.path): \(what) (\(String(cString: strerror(errno))))")
    }

    /// Makes the new name survive a power failure; best effort, because some file systems cannot.
    private func syncFolder() {
        let slash = self.path.lastIndex(of: "/")
        let folder = slash.map { $0 == self.path.startIndex ? "/" : String(self.path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
