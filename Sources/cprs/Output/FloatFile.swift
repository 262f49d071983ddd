internal import CPRSCore
internal import Glibc

/// A file of little-endian float32 numbers and nothing else.
enum FloatFile {
    /// Writes or replaces the file.
    ///
    /// - Throws: `notWritten` if it cannot be written.
    static func write(_ values: [Float], to path: String) throws(CPRSError) {
        let bits = values.map(\.bitPattern.littleEndian)
        guard let file = fopen(path, "wb") else { throw Self.failure(path) }
        let written = fwrite(bits, MemoryLayout<UInt32>.stride, bits.count, file)
        guard fclose(file) == 0, written == bits.count else { throw Self.failure(path) }
    }

    private static func failure(_ path: String) -> CPRSError {
        CPRSError(code: .notWritten, message: "\(path) cannot be written (\(String(cString: strerror(errno))))")
    }
}
