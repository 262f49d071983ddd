internal import CPRSWire

/// Collects a stream's messages into the one of `CompressText`.
actor TextAnswer {
    private(set) var response = Cprs_V1_CompressTextResponse()

    func append(_ message: Cprs_V1_CompressResponse) {
        switch message.part {
        case .accepted(let accepted): self.response.accepted = accepted
        case .decisions(let decisions):
            guard !decisions.provisional else { return }
            for var span in decisions.kept {
                self.response.text += span.text
                span.text = .init(wire: [])
                self.response.kept.append(span)
            }
        case .summary(let summary): self.response.summary = summary
        case nil: break
        }
    }
}
