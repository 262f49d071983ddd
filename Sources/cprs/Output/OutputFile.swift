internal import CPRSCore
internal import Glibc

/// A file that is opened before the work and written after it, so that a wrong path costs nothing.
struct OutputFile {
    private let path: String
    private let descriptor: Int32

    /// - Throws: `notWritten` if the file cannot be created.
    init(path: String) throws(CPRSError) {
        self.path = path
        self.descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
        guard self.descriptor >= 0 else { throw self.failure("cannot be created") }
    }

    /// Replaces what the file holds.
    ///
    /// - Throws: `notWritten` with the system's reason.
    func write(_ text: String) throws(CPRSError) {
        let bytes = Array(text.utf8)
        guard ftruncate(self.descriptor, 0) == 0, Glibc.write(self.descriptor, bytes, bytes.count) == bytes.count,
            close(self.descriptor) == 0
        else { throw self.failure("cannot be written") }
    }

    private func failure(_ what: String) -> CPRSError {
        CPRSError(code: .notWritten, message: "\(self.path): \(what) (\(String(cString: strerror(errno))))")
    }
}
