package import CPRSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// What `ModelInfo.sha256` and a receipt name a model by.
package enum ModelDigest {
    /// SHA-256 over a folder's weight files in the order of their names: one for a single file, so that `sha256sum`
    /// agrees. Reads all of them; a format that carries its own digest should be asked here first.
    ///
    /// - Returns: 64 hexadecimal digits.
    /// - Throws: `notFound` naming what cannot be read.
    package static func sha256(folder: String) throws(CPRSError) -> String {
        var digest = SHA256Digest()
        for name in try Self.names(folder).filter({ $0.hasSuffix(".safetensors") }).sorted() {
            try Self.update(&digest, path: folder + "/" + name)
        }
        return Hexadecimal.digits(digest.finalized())
    }

    private static func update(_ digest: inout SHA256Digest, path: String) throws(CPRSError) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Self.failure(path) }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = read(file, &buffer, buffer.count)
            if count == 0 { return }
            if count > 0 {
                digest.update(buffer[..<count])
            } else if errno != EINTR {
                throw Self.failure(path)
            }
        }
    }

    private static func names(_ path: String) throws(CPRSError) -> [String] {
        guard let folder = opendir(path) else { throw Self.failure(path) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            names.append(
                withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return names
    }

    private static func failure(_ path: String) -> CPRSError {
        CPRSError(code: .notFound, message: "\(path): \(String(cString: strerror(errno)))")
    }
}
