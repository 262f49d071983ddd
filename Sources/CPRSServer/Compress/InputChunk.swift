internal import CPRSWire

/// Bytes of the context and the document that they belong to.
struct InputChunk: Sendable {
    var bytes: [UInt8]
    /// Empty: the same as before.
    var documentID: String

    /// The chunk in pieces that the engine takes in one step, so that a task never computes for long without a pause.
    func slices(of length: Int = WireLimits.chunkBytes) -> [InputChunk] {
        guard self.bytes.count > length else { return [self] }
        return stride(from: 0, to: self.bytes.count, by: length).map { start in
            let end = min(self.bytes.count, start + length)
            return InputChunk(bytes: Array(self.bytes[start..<end]), documentID: self.documentID)
        }
    }
}
