internal import CPRSCore
internal import CPRSEngine
internal import CPRSWire

/// Turns the engine's decisions into messages, and keeps the receipt.
struct DecisionMessages: Sendable {
    private let includesText: Bool
    private(set) var text: HeldText
    private var documents = Documents()
    /// Every byte before this offset is decided.
    private(set) var finalBytes = 0

    init(includesText: Bool, maxHeldBytes: Int) {
        self.includesText = includesText
        self.text = HeldText(capacity: maxHeldBytes)
    }

    /// Takes the next bytes of the input.
    ///
    /// - Throws: `contextTooLarge` if the caller wants text that can no longer be held.
    mutating func append(_ chunk: InputChunk) throws(ServiceError) {
        self.documents.append(id: chunk.documentID, at: self.text.count)
        self.text.append(chunk.bytes)
        if self.includesText, !self.text.isComplete {
            var error = ServiceError(
                .contextTooLarge,
                "include_text needs more undecided text than this server holds for one request; ask without include_text, "
                    + "or without a budget", field: "include_text")
            error.limit = self.text.capacityBytes
            throw error
        }
    }

    /// The message for decisions; nil if nothing became final.
    mutating func message(_ decisions: Decisions) -> Cprs_V1_Decisions? {
        guard decisions.finalBytes > self.finalBytes || !decisions.kept.isEmpty else { return nil }
        var message = Cprs_V1_Decisions()
        for span in decisions.kept {
            let text = self.text.keep(span.bytes)
            self.append(span, text: text, to: &message)
        }
        self.advance(to: decisions.finalBytes, &message)
        return message
    }

    /// A preview: neither final nor part of the receipt.
    mutating func preview(_ spans: [KeptSpan]) -> Cprs_V1_Decisions? {
        guard !spans.isEmpty else { return nil }
        var message = Cprs_V1_Decisions()
        message.provisional = true
        message.finalBytes = UInt64(self.finalBytes)
        let documents = self.documents
        for span in spans { self.append(span, text: self.text.peek(span.bytes), to: &message) }
        self.documents = documents
        return message
    }

    /// Keeps everything that is not decided yet, because nobody will score it.
    mutating func keepUndecided() -> Cprs_V1_Decisions? {
        let rest = self.finalBytes..<self.text.count
        guard !rest.isEmpty else { return nil }
        var message = Cprs_V1_Decisions()
        let span = KeptSpan(bytes: rest, tokens: 0, score: 0, tag: nil, forced: false)
        let text = self.text.keep(rest)
        self.append(span, text: text, unscored: true, to: &message)
        self.advance(to: rest.upperBound, &message)
        return message
    }

    private mutating func advance(to offset: Int, _ message: inout Cprs_V1_Decisions) {
        self.finalBytes = max(self.finalBytes, offset)
        message.finalBytes = UInt64(self.finalBytes)
        self.text.release(before: self.finalBytes)
        self.documents.release(before: self.finalBytes)
    }

    private mutating func append(
        _ span: KeptSpan, text: ArraySlice<UInt8>?, unscored: Bool = false, to message: inout Cprs_V1_Decisions
    ) {
        var wire = Cprs_V1_KeptSpan()
        wire.bytes = span.bytes
        wire.score = span.score
        wire.tag = span.tag ?? ""
        wire.tokens = UInt64(span.tokens)
        wire.forced = span.forced
        wire.unscored = unscored
        let document = self.documents.document(at: span.bytes.lowerBound)
        wire.documentID = document.id
        wire.documentStart = UInt64(document.start)
        guard self.includesText, var text else {
            message.kept.append(wire)
            return
        }
        while !text.isEmpty {
            let piece = text.prefix(Self.pieceLength(text))
            text = text.dropFirst(piece.count)
            wire.text = .init(wire: piece)
            wire.bytes = wire.bytes.lowerBound..<(wire.bytes.lowerBound + piece.count)
            message.kept.append(wire)
            wire.tokens = 0
            wire.bytes = wire.bytes.upperBound..<span.bytes.upperBound
        }
    }

    /// Bytes of the next piece of a span's text: whole characters.
    private static func pieceLength(_ text: ArraySlice<UInt8>) -> Int {
        guard text.count > WireLimits.spanTextBytes else { return text.count }
        var length = WireLimits.spanTextBytes
        // At most three bytes continue a character.
        for _ in 0..<3 where text[text.startIndex + length] & 0xC0 == 0x80 { length -= 1 }
        return length
    }
}
