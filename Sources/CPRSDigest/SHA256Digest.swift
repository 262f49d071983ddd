internal import CPRSCore
internal import Crypto

/// A SHA-256 that is fed piece by piece.
///
/// Source: FIPS 180-4.
package struct SHA256Digest: Sendable {
    /// Bytes of a digest.
    package static let byteCount = 32

    private var state = SHA256()

    package init() {}

    /// Takes the next bytes.
    package mutating func update(_ bytes: some Sequence<UInt8>) {
        let isDone: Void? = bytes.withContiguousStorageIfAvailable {
            self.state.update(bufferPointer: UnsafeRawBufferPointer($0))
        }
        if isDone == nil { Array(bytes).withUnsafeBytes { self.state.update(bufferPointer: $0) } }
    }

    /// Takes the next bytes, wherever they lie.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) { self.state.update(bufferPointer: bytes) }

    /// The digest of the bytes so far, `byteCount` of them.
    package func finalized() -> [UInt8] { Array(self.state.finalize()) }

    /// The same as 64 hexadecimal digits.
    package func hexadecimal() -> String { Hexadecimal.digits(self.finalized()) }
}
