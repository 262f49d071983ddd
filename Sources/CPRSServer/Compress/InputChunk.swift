internal import CPRSWire

/// Bytes of the context and the document that they belong to.
struct InputChunk: Sendable {
    var bytes: [UInt8]
    /// Empty: the same as before.
    var documentID: String

    /// The chunk in pieces that the engine takes in one step, so that a task never computes for long without a pause.
    func slices() -> [InputChunk] {
        guard self.bytes.count > WireLimits.chunkBytes else { return [self] }
        return stride(from: 0, to: self.bytes.count, by: WireLimits.chunkBytes).map { start in
            let end = min(self.bytes.count, start + WireLimits.chunkBytes)
            return InputChunk(bytes: Array(self.bytes[start..<end]), documentID: self.documentID)
        }
    }
}
