internal import CPRSWire

extension Cprs_V1_Decisions {
    /// Bytes of spans in one message; well below what any client takes by default.
    private static let messageBytes = 1 << 20
    /// Bytes of a span without its text and names, at most.
    private static let spanBytes = 64

    /// The same decisions in messages that every client takes. Token scores go with the last one.
    func split() -> [Cprs_V1_Decisions] {
        var messages: [Cprs_V1_Decisions] = []
        var message = Cprs_V1_Decisions()
        message.provisional = self.provisional
        var size = 0
        for span in self.kept {
            let bytes = Self.spanBytes + span.text.count + span.tag.utf8.count + span.documentID.utf8.count
            if size > 0, size + bytes > Self.messageBytes {
                // What lies before the next span is decided, unless this is only a preview.
                message.finalBytes = self.provisional ? self.finalBytes : min(span.start, self.finalBytes)
                messages.append(message)
                message.kept = []
                size = 0
            }
            message.kept.append(span)
            size += bytes
        }
        message.finalBytes = self.finalBytes
        if self.hasTokenScores { message.tokenScores = self.tokenScores }
        return messages + [message]
    }
}
