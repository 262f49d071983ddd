internal import CPRSWire
internal import SwiftProtobuf

/// Collects a stream's messages into the one of `CompressText`.
actor TextAnswer {
    private var collected = Cprs_V1_CompressTextResponse()

    /// The answer.
    ///
    /// - Throws: `contextTooLarge` if it is longer than a client takes by default.
    func response(maxBytes: Int) throws -> Cprs_V1_CompressTextResponse {
        let size = try (self.collected.serializedBytes() as [UInt8]).count
        guard size <= maxBytes else {
            var error = ServiceError(
                .contextTooLarge,
                "the answer has \(size) bytes, more than the \(maxBytes) of one message; keep less, or use Compress")
            error.limit = maxBytes
            throw error
        }
        return self.collected
    }

    func append(_ message: Cprs_V1_CompressResponse) {
        switch message.part {
        case .accepted(let accepted): self.collected.accepted = accepted
        case .decisions(let decisions):
            guard !decisions.provisional else { return }
            for var span in decisions.kept {
                self.collected.text += span.text
                span.text = .init(wire: [])
                self.collected.kept.append(span)
            }
        case .summary(let summary): self.collected.summary = summary
        case nil: break
        }
    }
}
