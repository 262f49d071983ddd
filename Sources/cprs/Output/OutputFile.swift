internal import ArgumentParser
internal import CPRSCore
internal import Glibc

/// A file that is opened before the work and written after it, so that a wrong path costs nothing.
struct OutputFile {
    private let path: String
    private let descriptor: Int32

    /// - Throws: `notFound` if the file cannot be created.
    init(path: String) throws(CPRSError) {
        self.path = path
        self.descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
        guard self.descriptor >= 0 else {
            throw CPRSError(code: .notFound, message: "\(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Replaces what the file holds.
    ///
    /// - Throws: `ExitCode` 74, EX_IOERR of sysexits.h, after saying why.
    func write(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard ftruncate(self.descriptor, 0) == 0, Glibc.write(self.descriptor, bytes, bytes.count) == bytes.count,
            close(self.descriptor) == 0
        else {
            Console.note("cprs: \(self.path): cannot be written: \(String(cString: strerror(errno)))")
            throw ExitCode(74)
        }
    }
}
