internal import CPRSCore
internal import CPRSJSON
internal import CPRSSegmentation
internal import CPRSTestSupport
internal import Glibc
internal import Testing

/// Ten tokens: 0 punctuation; 1...6 words; 7 and 8 pieces of words; 9 rare.
private enum Tiny {
    static let classes: [Float] = [-1, 0, 1, 2, 3, 4, 4, 5, 6, 7]
    static let idf: [Float] = [0, 0.5, 3, 4, 5, 6, 6, 2, 3, 8]
    // 3 may be continued; 7 and 8 may continue and be continued.
    static let shapes: [Float] = [0, 0, 0, 2, 0, 0, 0, 3, 3, 0]

    static let weights = LexicalWeights(
        bias: -4, critic: 0.5, best: 0.25, covered: 6, complete: 0, nearby: 3, key: 0, format: 0, length: 0.5,
        decay: 0.5, threshold: 0.5)

    static func table() throws -> LexicalTable {
        let letters = Self.classes.map { _ in Float(1) }
        return try LexicalTable(
            classes: Self.classes, idf: Self.idf, shapes: Self.shapes, spellings: Self.classes.map { $0 + 1 },
            letters: letters, name: "table")
    }

    /// One byte per token; every unit gets `score` at each token.
    static func units(
        _ units: [[TokenID]], query: [TokenID], weights: LexicalWeights = Self.weights, score: Float = 0.5
    ) throws -> [ScoredUnit] {
        let table = try Self.table()
        var scorer = UnitScorer(
            .mean, query: QueryWords(query, table: table), table: table, weights: weights)
        var offset = 0
        var out: [ScoredUnit] = []
        for unit in units {
            scorer.append(
                unit.enumerated().map {
                    ScoredToken(
                        token: Token(id: $1, bytes: offset + $0..<offset + $0 + 1), label: .inside, score: score)
                })
            offset += unit.count
            scorer.append(unitEnds: [offset])
            while let next = scorer.next() { out.append(next) }
        }
        scorer.finish(totalBytes: offset)
        while let next = scorer.next() { out.append(next) }
        return out
    }
}

@Suite("word matching")
struct LexicalTests {
    @Test("a unit with the question's words outranks all others when the critic sees no difference")
    func planted() throws {
        let units = try Tiny.units([[1, 0, 2], [1, 4, 0], [9, 5, 0], [1, 2, 0], [1, 1, 1]], query: [1, 9, 6, 0])
        let best = units.map(\.score).max()
        #expect(units.map { $0.score == best } == [false, false, true, false, false])
        // Those beside it come next: the words are nearby.
        #expect(units[1].score > units[0].score)
        #expect(units[3].score > units[4].score)
    }

    @Test("tokens of one class match each other; a word of several tokens matches as a whole")
    func classes() throws {
        func matches(_ query: [TokenID], _ unit: [TokenID]) throws -> Bool {
            try Tiny.units([unit], query: query)[0].words != 0
        }
        #expect(try matches([5], [6]))
        #expect(try matches([3, 7], [1, 3, 7, 0]))
        #expect(try !matches([3, 7], [3]))
        #expect(try !matches([3, 7], [3, 7, 8]))
        #expect(try !matches([3, 7], [3, 0, 7]))
        #expect(try !matches([3, 7], [7, 3]))
        // Ids beyond the table are no part of a word.
        #expect(try !matches([2], [999, -1]))
    }

    @Test("linked words are a compound as well; what has a part only lacks the key")
    func compounds() throws {
        // 0 "-"; 1 "brisk"; 2 "-anchor"; 3 "anchor"; 4 a blank; 5 "magic".
        let classes: [Float] = [-1, 0, 1, 1, -1, 2]
        let table = try LexicalTable(
            classes: classes, idf: [0, 5, 7, 7, 0, 4], shapes: [4, 2, 6, 3, 0, 2], spellings: [9, 1, 2, 2, 8, 3],
            letters: classes.map { _ in 1 }, name: "t")
        var weights = Tiny.weights
        (weights.bias, weights.covered, weights.nearby, weights.key) = (-6, 4, 0, 8)
        func scores(_ units: [[TokenID]], query: [TokenID]) -> [Float] {
            var scorer = UnitScorer(.mean, query: QueryWords(query, table: table), table: table, weights: weights)
            var ends: [Int] = []
            for (index, id) in units.joined().enumerated() {
                let token = Token(id: id, bytes: index..<index + 1)
                scorer.append([ScoredToken(token: token, label: .inside, score: 0.5)])
            }
            for unit in units { ends.append((ends.last ?? 0) + unit.count) }
            scorer.append(unitEnds: ends)
            scorer.finish(totalBytes: ends.last ?? 0)
            return units.compactMap { _ in scorer.next()?.score }
        }
        let found = scores([[5, 1, 2], [5, 1, 0, 3], [5, 4, 3], [5, 1, 4, 3], [5, 4, 4]], query: [5, 1, 2])
        #expect(found[0] > 0.8 && found[0] < found[1] + 0.05 && found[1] < found[0] + 0.05)
        #expect(found[2] < 0.5 && found[3] < 0.7 && found[4] < found[2])
        // Either of two keys is enough.
        let either = scores([[5, 1, 2, 4]], query: [5, 1, 2, 4, 3, 0, 3])
        #expect(either[0] > 0.8)
    }

    @Test("a word does not reach over the end of a unit")
    func unitEnds() throws {
        let units = try Tiny.units([[1, 3], [7, 1]], query: [3, 7])
        #expect(units.map(\.words) == [0, 0])
    }

    @Test("a question without words leaves the critic's scores as they are")
    func noWords() throws {
        #expect(try Tiny.units([[1, 2], [3]], query: [0, 0]).map(\.score) == [0.5, 0.5])
        #expect(try Tiny.units([[1, 2], [3]], query: []).map(\.score) == [0.5, 0.5])
    }

    @Test("more than 64 words: the rarest are matched")
    func manyWords() throws {
        let classes = (0..<100).map(Float.init)
        let table = try LexicalTable(
            classes: classes, idf: classes.map { $0 / 10 }, shapes: classes.map { _ in 0 }, spellings: classes,
            letters: classes.map { _ in 1 }, name: "t")
        var scorer = UnitScorer(
            .mean, query: QueryWords((0..<100).map { TokenID($0) }, table: table), table: table, weights: Tiny.weights)
        scorer.append(
            (0..<100).map { ScoredToken(token: Token(id: TokenID($0), bytes: $0..<$0 + 1), label: .inside, score: 0.5) }
        )
        scorer.append(unitEnds: [36, 100])
        scorer.finish(totalBytes: 100)
        #expect(scorer.next()?.words == 0)
        #expect(scorer.next()?.words == .max)
    }

    @Test("extreme scores give a probability")
    func extremes() throws {
        for score: Float in [0, 1, .leastNonzeroMagnitude] {
            for unit in try Tiny.units([[9, 5, 3], [1]], query: [9, 5, 3], score: score) {
                #expect((0...1).contains(unit.score))
            }
        }
    }

    @Test(
        "a table that is not one is refused with row and value",
        arguments: [
            ([Float.nan], [Float(0)], [Float(0)], "class must be a whole number in -1...16777216 (got nan in row 0)"),
            ([0.5], [0], [0], "class must be"), ([-2], [0], [0], "(got -2.0 in row 0)"),
            ([1e9], [0], [0], "class must be"), ([0], [-1], [0], "idf must be in 0...40 (got -1.0 in row 0)"),
            ([0], [.infinity], [0], "idf must be"),
            ([0], [0], [8], "shape must be a whole number in 0...7 (got 8.0 in row 0)"),
            ([0], [], [0], "one row per token (got 1, 0, 1, 1 and 1)"), ([], [], [], "one row per token"),
        ])
    func tables(classes: [Float], idf: [Float], shapes: [Float], words: String) throws {
        let error = #expect(throws: CPRSError.self) {
            try LexicalTable(
                classes: classes, idf: idf, shapes: shapes, spellings: classes.map { _ in 0 },
                letters: classes.map { _ in 1 }, name: "t.safetensors")
        }
        #expect(error?.code == .modelUnusable)
        #expect(error?.message.contains(words) == true && error?.message.hasPrefix("t.safetensors: ") == true)
    }

    @Test("scores are those of the training code on shared vectors")
    func vectors() throws {
        let file = SharedData.fixture("lexical_vectors.json")
        let json = try JSONValue(Self.bytes(of: file), name: file)
        let cases = try #require(json.object?["cases"]?.array)
        #expect(cases.count >= 20)
        let fields = try #require(json.object)
        func floats(_ value: JSONValue?) -> [Float] { value?.array?.compactMap { $0.number.map(Float.init) } ?? [] }
        func ids(_ value: JSONValue?) -> [TokenID] { value?.array?.compactMap { $0.integer.map(TokenID.init) } ?? [] }
        let table = try LexicalTable(
            classes: floats(fields["class"]), idf: floats(fields["idf"]), shapes: floats(fields["shape"]),
            spellings: floats(fields["spelling"]), letters: floats(fields["letters"]), name: file)
        let weights = floats(fields["weights"]).map(Double.init)
        let lexicalWeights = LexicalWeights(
            bias: weights[0], critic: weights[1], best: weights[2], covered: weights[3], complete: weights[4],
            nearby: weights[5], key: weights[6], format: weights[7], length: weights[8], decay: weights[9],
            threshold: 0.5)
        let second = floats(fields["feedback"]).map(Double.init)
        let feedback = FeedbackWeights(
            bias: second[0], score: second[1], shared: second[2], further: second[3], beside: second[4],
            passage: second[5], reach: second[6])
        for (number, item) in cases.enumerated() {
            let object = try #require(item.object)
            let words = QueryWords(ids(object["query"]), format: ids(object["format"]), table: table)
            let keep = floats(object["keep"])
            let tokens = ids(object["ids"]).enumerated().map {
                ScoredToken(token: Token(id: $1, bytes: $0..<$0 + 1), label: .inside, score: keep[$0])
            }
            func units(_ scorer: UnitScorer) -> [ScoredUnit] {
                var scorer = scorer
                scorer.append(tokens)
                scorer.append(unitEnds: ids(object["ends"]).map(Int.init))
                scorer.finish(totalBytes: tokens.count)
                var units: [ScoredUnit] = []
                while let unit = scorer.next() { units.append(unit) }
                return units
            }
            func expect(_ units: [ScoredUnit], _ key: String) {
                let expected = floats(object[key])
                #expect(units.count == expected.count, "case \(number)")
                for (unit, expected) in zip(units, expected) {
                    #expect(abs(unit.score - expected) < 1e-5, "\(key) of case \(number)")
                }
            }
            expect(units(UnitScorer(.mean, query: words, table: table, weights: lexicalWeights)), "scores")
            var whole = WholeTextUnits(words, weights: lexicalWeights, feedback: feedback)
            for unit in units(UnitScorer(.mean, query: words, table: table, collectsRareWords: true)) {
                whole.append(unit, forced: false)
            }
            var selection = BudgetSelection()
            whole.select(into: &selection)
            let all = try selection.select(budget: .ratio(1), totalTokens: tokens.count, threshold: nil).kept
            expect(all.map(\.unit), "second")
        }
    }

    private static func bytes(of path: String) throws -> [UInt8] {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return bytes
    }
}
