internal import CPRSCore
internal import CPRSEngine
internal import CPRSSegmentation
internal import CPRSTestSupport
internal import CPRSTokenizer

/// A whole compression with a critic that needs no model.
struct Compression {
    var kept: [KeptSpan] = []
    var summary = CompressionSummary()

    static let tokenizer = try? Tokenizer(folder: SharedData.modelFolder)

    /// Runs `text` through a session.
    ///
    /// - Parameters:
    ///   - chunk: sizes of the chunks, repeated as often as needed.
    ///   - backwards: score every window that waits in reverse order.
    static func run(
        _ text: [UInt8], _ request: CompressionRequest, chunk: [Int] = [1 << 16], backwards: Bool = false,
        critic: FakeCritic = FakeCritic(), lexicon: Lexicon? = nil
    ) throws -> Compression {
        let tokenizer = try Self.tokenizer ?? Tokenizer(folder: SharedData.modelFolder)
        var session = try Session(request, tokenizer: tokenizer, limits: critic.limits, lexicon: lexicon)
        var result = Compression()
        var final = 0
        func score(_ session: inout Session) throws {
            var windows: [SessionWindow] = []
            while let window = session.nextWindow() { windows.append(window) }
            if backwards { windows.reverse() }
            for window in windows { session.accept(try critic.score(window.input), for: window) }
            let decisions = try session.takeDecisions()
            precondition(decisions.finalBytes >= final, "the watermark went back from \(final)")
            for span in decisions.kept {
                precondition(span.bytes.lowerBound >= final, "\(span) rewrites bytes that were final at \(final)")
                precondition(
                    span.bytes.upperBound <= decisions.finalBytes, "\(span) lies beyond \(decisions.finalBytes)")
            }
            final = decisions.finalBytes
            result.kept += decisions.kept
        }
        var start = 0
        var turn = 0
        while start < text.count {
            let end = min(text.count, start + chunk[turn % chunk.count])
            try session.append(Array(text[start..<end]))
            try score(&session)
            start = end
            turn += 1
        }
        try session.finishInput()
        try score(&session)
        precondition(final == text.count, "\(final) of \(text.count) bytes are final at the end")
        result.summary = session.summary
        return result
    }

    /// The kept bytes.
    func output(of text: [UInt8]) -> [UInt8] { self.kept.flatMap { text[$0.bytes] } }
}

/// Texts that tests share.
enum Sample {
    /// Prose with abbreviations, quotes and hard-wrapped lines; Chinese; a log; emoji and combining marks.
    static let mixed = Array(
        (Self.prose + Self.chinese + Self.log + "\n👩‍👩‍👧 e\u{301}tude — naïve. “Quoted?” he said!\n").utf8)

    static let prose = String(
        repeating: """
            Mr. Holmes looked at the letter of 3.14 pages. "It is signed by Dr. Roylott," he said.
            The paper was thick, and had a peculiar watermark which I had not seen
            before. Who sent it? Nobody knew.

            Later that evening we drove to Briony Lodge; the street was empty.

            """, count: 12)

    static let chinese = String(repeating: "合同自二〇二四年三月起生效。双方同意按月支付！谁来付款？甲方。\n", count: 12)

    static let log = (0..<40).map {
        "2026-01-0\($0 % 9 + 1) 12:00:\($0 + 10) ERROR disk \($0) failed: code=\($0 * 7)\n"
    }.joined()
}

extension CompressionRequest {
    /// A request with a question and the defaults, changed by `change`.
    static func test(_ change: (inout CompressionRequest) -> Void = { _ in }) -> CompressionRequest {
        var request = CompressionRequest(preset: .fact, query: "Who sent the letter?")
        change(&request)
        return request
    }
}
