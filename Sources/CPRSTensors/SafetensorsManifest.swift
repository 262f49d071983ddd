package import CPRSCore
internal import CPRSDigest

/// Name, size and SHA-256 of every tensor in a safetensors file; part of the file's `__metadata__`.
///
/// One line a tensor in the order of the file: 64 hexadecimal digits, a space, the number of bytes, a space, the name.
/// Beside it stands the *digest*: a SHA-256 over all the other metadata, the manifest included. Because the manifest
/// holds the hash of every byte of data, the digest names the file's contents, and no weight is read to know it.
package struct SafetensorsManifest: Hashable, Sendable {
    /// One tensor.
    package struct Line: Hashable, Sendable {
        package var sha256: String
        package var byteCount: Int
        package var name: String
    }

    /// Keys in `__metadata__`.
    static let key = "manifest"
    package static let digestKey = "digest"
    /// Hexadecimal digits of a SHA-256.
    static let digits = 64

    package var lines: [Line]

    init(lines: [Line]) { self.lines = lines }

    /// The manifest as `__metadata__` holds it.
    var text: String { self.lines.map { "\($0.sha256) \($0.byteCount) \($0.name)\n" }.joined() }

    /// Reads a file's manifest and checks that it lists the file's tensors, and that the digest is that of the metadata.
    ///
    /// No tensor is read: see ``verify(_:progress:)``.
    ///
    /// - Throws: `modelUnusable` with the line or the tensor that disagrees.
    package init(of file: SafetensorsFile) throws(CPRSError) {
        func failure(_ what: String) -> CPRSError {
            CPRSError(code: .modelUnusable, message: "\(file.path): \(what)")
        }
        guard let text = file.metadata[Self.key], let digest = file.metadata[Self.digestKey] else {
            throw failure("__metadata__ must hold a \(Self.key) and a \(Self.digestKey)")
        }
        let found = Self.digest(of: file.metadata)
        guard digest == found else {
            throw failure("the header is damaged: its digest is \(found), it states \(digest)")
        }
        var lines: [Line] = []
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, fields[0].utf8.count == Self.digits, let count = Int(fields[1]) else {
                throw failure("manifest: \"\(line.prefix(80))\" must be a SHA-256, a size and a name")
            }
            lines.append(Line(sha256: String(fields[0]), byteCount: count, name: String(fields[2])))
        }
        guard lines.count == file.stored.count else {
            throw failure("the manifest lists \(lines.count) tensors, the header \(file.stored.count)")
        }
        for (line, tensor) in zip(lines, file.stored)
        where line.name != tensor.name || line.byteCount != tensor.bytes.count {
            throw failure(
                "the manifest lists \(line.name) of \(line.byteCount) bytes, the header \(tensor.name) of"
                    + " \(tensor.bytes.count)")
        }
        self.lines = lines
    }

    /// Reads the whole file and compares every tensor with its hash.
    ///
    /// - Parameter progress: is called after each tensor with the bytes read so far.
    /// - Throws: `modelUnusable` with the first tensor whose bytes are not those that were written.
    package func verify(_ file: SafetensorsFile, progress: (_ bytes: Int) -> Void) throws(CPRSError) {
        var bytes = 0
        for (line, tensor) in zip(self.lines, file.stored) {
            var hash = SHA256Digest()
            hash.update(tensor.bytes)
            let found = hash.hexadecimal()
            guard found == line.sha256 else {
                throw CPRSError(
                    code: .modelUnusable,
                    message: "\(file.path): \(tensor.name) is damaged: its SHA-256 is \(found), the manifest states"
                        + " \(line.sha256)")
            }
            bytes += tensor.bytes.count
            progress(bytes)
        }
    }

    /// SHA-256 over every other entry of the metadata, in the order of their keys: key, a zero byte, value, a zero byte.
    static func digest(of metadata: [String: String]) -> String {
        var hash = SHA256Digest()
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) where key != Self.digestKey {
            for text in [key, value] {
                hash.update(text.utf8)
                hash.update([0])
            }
        }
        return hash.hexadecimal()
    }
}
