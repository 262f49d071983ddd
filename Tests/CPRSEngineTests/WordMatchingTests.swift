internal import CPRSCore
internal import CPRSEngine
internal import CPRSSegmentation
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import Testing

@Suite("word matching in a session")
struct WordMatchingTests {
    /// Every token is a word of its own; ids stand for their rarity.
    private static func lexicon(
        threshold: Float = 0.5, feedback: [Granularity: FeedbackWeights] = [:]
    ) throws -> Lexicon {
        let count = try Tokenizer(folder: SharedData.modelFolder).vocabularySize
        let rows = (0..<count).map(Float.init)
        let table = try LexicalTable(
            classes: rows, idf: rows.map { min(10, ($0 + 1).squareRoot() / 20) }, shapes: rows.map { _ in 0 },
            spellings: rows, letters: rows.map { _ in 1 }, name: "t")
        let weights = LexicalWeights(
            bias: -4, critic: 0.5, best: 0.25, covered: 6, complete: 0, nearby: 2, key: 0, format: 0, length: 0.25,
            decay: 0.5,
            threshold: threshold, feedback: feedback)
        return Lexicon(table: table, weights: weights)
    }

    static let large: [Granularity] = [.sentence, .line, .paragraph, .record]

    @Test(
        "any chunking and window gives the decisions of the whole text", arguments: Self.large,
        [[1], [7, 1, 64], [1000]])
    func chunking(granularity: Granularity, chunk: [Int]) throws {
        var request = CompressionRequest.test {
            $0.granularity = granularity
            $0.keepRegexes = ["disk 1\\d"]
            $0.threshold = 0.3
        }
        let lexicon = try Self.lexicon()
        let whole = try Compression.run(Sample.mixed, request, lexicon: lexicon)
        #expect(!whole.kept.isEmpty && whole.summary.keptTokens < whole.summary.contextTokens)
        request.windowTokens = 160
        let pieces = try Compression.run(Sample.mixed, request, chunk: chunk, backwards: true, lexicon: lexicon)
        #expect(pieces.kept == whole.kept)

        let feedback = FeedbackWeights(bias: 0, score: 1, shared: 5, further: 5, beside: 1, passage: 3, reach: 40)
        let second = try Self.lexicon(feedback: [granularity: feedback])
        (request.budget, request.threshold, request.keepRegexes) = (.ratio(0.2), nil, [])
        let piecesOfBudget = try Compression.run(Sample.mixed, request, chunk: chunk, backwards: true, lexicon: second)
        request.windowTokens = nil
        #expect(try Compression.run(Sample.mixed, request, lexicon: second).kept == piecesOfBudget.kept)
    }

    @Test("switched off, or with units below a line, it changes nothing", arguments: Granularity.allCases)
    func off(granularity: Granularity) throws {
        let plain = CompressionRequest.test { $0.granularity = granularity }
        var off = plain
        off.matchesWords = Self.large.contains(granularity) ? false : true
        let lexicon = try Self.lexicon()
        let expected = try Compression.run(Sample.mixed, plain)
        #expect(try Compression.run(Sample.mixed, off, lexicon: lexicon).kept == expected.kept)
        #expect(
            try (Compression.run(Sample.mixed, plain, lexicon: lexicon).kept == expected.kept)
                != Self.large.contains(granularity))
    }

    @Test("a planted sentence wins a budget when the critic sees no difference")
    func planted() throws {
        let sentence = "The peculiar watermark came from Bohemia.\n"
        let text = Array((Sample.prose + sentence + Sample.log).utf8)
        let request = CompressionRequest.test {
            $0.query = "Which watermark came from Bohemia?"
            $0.budget = .maxTokens(16)
        }
        let even = FakeCritic { _ in 0.1 }
        let found = try Compression.run(text, request, critic: even, lexicon: Self.lexicon())
        #expect(String(decoding: found.output(of: text), as: UTF8.self).contains(sentence))
        let blind = try Compression.run(text, request, critic: even)
        #expect(!String(decoding: blind.output(of: text), as: UTF8.self).contains(sentence))
    }

    @Test("within a budget, a sentence of the second step is found by the rare name that the first one gives")
    func secondStep() throws {
        let first = "The peculiar watermark came from Cornwall.\n"
        let second = "In Cornwall, paper is made by hand.\n"
        let text = Array((first + Sample.log + second + Sample.log).utf8)
        let request = CompressionRequest.test {
            $0.query = "How did they make the peculiar watermark?"
            $0.budget = .maxTokens(40)
        }
        let even = FakeCritic { _ in 0.1 }
        let feedback: [Granularity: FeedbackWeights] = [
            .sentence: FeedbackWeights(
                bias: 0, score: 1, shared: 20, further: 0, beside: 0, passage: 0, reach: 1)
        ]
        func output(
            _ feedback: [Granularity: FeedbackWeights], _ change: (inout CompressionRequest) -> Void = { _ in }
        ) throws -> String {
            var request = request
            change(&request)
            let run = try Compression.run(text, request, critic: even, lexicon: Self.lexicon(feedback: feedback))
            return String(decoding: run.output(of: text), as: UTF8.self)
        }
        #expect(try output(feedback).contains(first) && output(feedback).contains(second))
        #expect(try output([:]).contains(first) && !output([:]).contains(second))
        // It is fitted to sentences, and what is decided by a threshold alone cannot wait for the whole text.
        for change: (inout CompressionRequest) -> Void in [{ $0.granularity = .line }, { $0.budget = nil }] {
            #expect(try output(feedback, change) == output([:], change))
        }
    }

    @Test("within a budget, lines around those that name what is asked are kept with them")
    func passage() throws {
        let passage = "Who pays for the watermark?\nWe do.\nHow much?\nA dollar.\nThat is much for one watermark.\n"
        let aside = "There was a watermark.\nFine.\n"
        let text = Array((Sample.log + aside + Sample.log + passage + Sample.log).utf8)
        var request = CompressionRequest.test {
            ($0.query, $0.granularity) = ("What did they say about the watermark?", .line)
        }
        request.budget = .maxTokens(try Compression.run(Array(passage.utf8), request).summary.contextTokens)
        let even = FakeCritic { _ in 0.1 }
        func output(_ feedback: [Granularity: FeedbackWeights]) throws -> String {
            let run = try Compression.run(text, request, critic: even, lexicon: Self.lexicon(feedback: feedback))
            return String(decoding: run.output(of: text), as: UTF8.self)
        }
        let weights = FeedbackWeights(bias: 0, score: 0, shared: 0, further: 0, beside: 0, passage: 5, reach: 30)
        #expect(try output([.line: weights]) == passage)
        for other: [Granularity: FeedbackWeights] in [[:], [.sentence: weights]] {
            #expect(try !output(other).contains(passage))
        }
    }

    @Test("the default threshold is the lexicon's; the caller's comes first")
    func threshold() throws {
        let all = try Compression.run(Sample.mixed, .test(), lexicon: Self.lexicon(threshold: 0))
        #expect(all.summary.keptTokens == all.summary.contextTokens)
        let none = try Compression.run(Sample.mixed, .test { $0.threshold = 1 }, lexicon: Self.lexicon(threshold: 0))
        #expect(none.kept.isEmpty)
    }

    @Test("a preset's own weights and threshold serve it, and an instruction with its tags")
    func tasks() throws {
        for preset in Preset.all { #expect(CompressionRequest(preset: preset, query: "q").task == preset.name) }
        var request = CompressionRequest.test()
        (request.instruction, request.tags) = ("Tag it with 'needle'", ["needle"])
        #expect(request.task == "needle")
        (request.instruction, request.tags) = ("Keep what matters", [])
        #expect(request.task == "fact")

        let base = try Self.lexicon(threshold: 0)
        var strict = base.weights(for: "fact")
        strict.threshold = 1
        let lexicon = Lexicon(table: base.table, weights: base.weights(for: "fact"), tasks: ["needle": strict])
        request.query = "disk"
        let all = try Compression.run(Sample.mixed, request, lexicon: lexicon)
        #expect(all.summary.keptTokens == all.summary.contextTokens)
        request.tags = ["needle"]
        #expect(try Compression.run(Sample.mixed, request, lexicon: lexicon).kept.isEmpty)
    }

    @Test(
        "a format is what an instruction quotes, if it has several words; an apostrophe opens no quote",
        arguments: [
            ("chains like 'VAR X1 = X2' of the user's text, tagged with 'chain'", ["VAR X1 = X2"]),
            ("the user's question.\n- tag the user's facts with 'fact'", []), ("'a b' and 'c d'", ["a b", "c d"]),
            ("an open 'quote that\nends' nowhere", []), ("", []),
        ])
    func formats(instruction: String, expected: [String]) {
        #expect(WordEvidence.formats(in: instruction) == expected)
    }

    @Test("decisions leave before the text ends")
    func streams() throws {
        let lexicon = try Self.lexicon(threshold: 0)
        let critic = FakeCritic()
        var session = try Session(
            .test(), tokenizer: Tokenizer(folder: SharedData.modelFolder), limits: critic.limits, lexicon: lexicon)
        try session.append(Sample.mixed)
        while let window = session.nextWindow() { session.accept(try critic.score(window.input), for: window) }
        let decisions = try session.takeDecisions()
        // All that was scored is decided, but for the last sentence and the one that is cut.
        #expect(decisions.finalBytes > session.scoredBytes - 400 && decisions.finalBytes < session.scoredBytes)
    }
}
