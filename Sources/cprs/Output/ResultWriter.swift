internal import CPRSEngine

/// Prints a compression's result while it comes in.
///
/// Calls arrive in document order and cover the context: every byte is passed once, as kept or as dropped.
protocol ResultWriter: Sendable {
    /// Whether ``dropped(_:)`` wants the text; reading it again costs time.
    var wantsDropped: Bool { get }

    /// Prints what comes before the first piece.
    mutating func begin(_ heading: ResultHeading)
    /// Prints a kept piece and its text.
    mutating func kept(_ span: KeptSpan, text: [UInt8])
    /// Prints a dropped piece.
    mutating func dropped(_ text: [UInt8])
    /// Prints what comes after the last piece.
    mutating func finish(_ summary: CompressionSummary, openSeconds: Double)
}

/// What is known before the first window is scored.
struct ResultHeading {
    /// The model's name.
    var model: String
    /// The document's name.
    var source: String
    /// The question.
    var query: String
}

/// The kept text and nothing else: a concatenation of slices of the input.
struct TextWriter: ResultWriter {
    let wantsDropped = false
    private var lastByte: UInt8?

    mutating func begin(_ heading: ResultHeading) {}

    mutating func kept(_ span: KeptSpan, text: [UInt8]) {
        Console.write(text)
        Console.flush()
        self.lastByte = text.last
    }

    mutating func dropped(_ text: [UInt8]) {}

    mutating func finish(_ summary: CompressionSummary, openSeconds: Double) {
        // Only for a person's prompt; a pipe gets exactly the kept bytes.
        if Console.outputIsTerminal, let lastByte = self.lastByte, lastByte != UInt8(ascii: "\n") {
            Console.write("\n")
        }
    }
}
