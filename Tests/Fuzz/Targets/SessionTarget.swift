internal import CPRSCore
internal import CPRSEngine
internal import CPRSModel
internal import CPRSRuntime
internal import CPRSSegmentation
internal import CPRSTestSupport
internal import CPRSTokenizer

extension FuzzTarget {
    /// A whole compression of any text with any options: refused, or spans that ascend, lie in the text and do not
    /// depend on how it was cut or in which order its windows were scored.
    static let session = FuzzTarget(name: "session") { input in
        var input = FuzzInput(input)
        let sizes = input.chunkSizes()
        let request = Self.request(&input)
        let text = input.rest
        // Otherwise everything would be refused, which is no violation.
        _ = try (defaultTokenizer.get(), defaultLexicon.get())
        let whole = try Self.outcome { try Self.compress([text], request, backwards: false) }
        let streamed = try Self.outcome { try Self.compress(cut(text, by: sizes), request, backwards: true) }
        try require(whole == streamed, "\(request): whole \(whole), in chunks of \(sizes) \(streamed)")
    }

    private enum Outcome: Equatable {
        case kept([KeptSpan])
        case refused(CPRSError.Code)
    }

    private static func outcome(_ body: () throws -> [KeptSpan]) throws -> Outcome {
        do { return .kept(try body()) } catch let error as CPRSError { return .refused(error.code) }
    }

    private static func request(_ input: inout FuzzInput) -> CompressionRequest {
        var request = CompressionRequest(preset: .fact, query: "Who sent the letter?")
        let flags = input.byte()
        request.granularity = Granularity.allCases[Int(input.byte()) % Granularity.allCases.count]
        let (threshold, budget, windowTokens) = (input.byte(), input.byte(), input.byte())
        if flags & 1 != 0 { request.threshold = Float(threshold) / 250 }
        if flags & 2 != 0 { request.minSpanTokens = Int(threshold & 7) }
        request.wholeSentences = flags & 4 != 0
        if flags & 8 != 0 { request.decoding = .reference }
        if flags & 16 != 0 {
            request.budget = budget & 1 != 0 ? .maxTokens(Int(budget >> 1)) : .ratio(Double(budget) / 254)
        }
        request.matchesWords = flags & 32 != 0
        if flags & 64 != 0 { request.tags = ["fact", "outside", "needle"] }
        if flags & 128 != 0 { request.keepLiterals = [String(decoding: input.part(until: 0), as: UTF8.self)] }
        if windowTokens & 1 != 0 { request.keepRegexes = [String(decoding: input.part(until: 0), as: UTF8.self)] }
        if windowTokens & 2 != 0 { request.windowTokens = 100 + Int(windowTokens) }
        return request
    }

    private static func compress(
        _ chunks: [[UInt8]], _ request: CompressionRequest, backwards: Bool
    ) throws -> [KeptSpan] {
        let critic = FakeCritic()
        var session = try Session(
            request, tokenizer: defaultTokenizer.get(), limits: critic.limits, lexicon: defaultLexicon.get())
        var (kept, final, total): ([KeptSpan], Int, Int) = ([], 0, 0)
        func score() throws {
            var windows: [SessionWindow] = []
            while let window = session.nextWindow() { windows.append(window) }
            if backwards { windows.reverse() }
            for window in windows { session.accept(try critic.score(window.input), for: window) }
            let decisions = try session.takeDecisions()
            for span in decisions.kept {
                try require(
                    span.bytes.lowerBound >= final && span.bytes.upperBound <= decisions.finalBytes
                        && !span.bytes.isEmpty, "\(span.bytes) lies in \(final)..<\(decisions.finalBytes)")
                final = span.bytes.upperBound
            }
            try require(decisions.finalBytes >= final, "what is final stays: \(decisions.finalBytes) after \(final)")
            final = decisions.finalBytes
            kept += decisions.kept
        }
        for chunk in chunks {
            try session.append(chunk)
            total += chunk.count
            try score()
        }
        try session.finishInput()
        try score()
        try require(final == total, "\(final) of \(total) bytes are final at the end")
        if let budget = request.budget {
            let limit = try budget.limit(totalTokens: session.summary.contextTokens)
            try require(session.summary.keptTokens <= limit, "\(session.summary.keptTokens) tokens of \(limit)")
        }
        return kept
    }
}

/// What the tests' model brings for word matching, loaded once.
private let defaultLexicon = Result {
    let folder = SharedData.modelFolder
    let config = try Qwen2Config(folder: folder, environment: { _ in nil })
    return try Lexicon(.folder(folder), config: config, vocabularySize: defaultTokenizer.get().vocabularySize)
}
