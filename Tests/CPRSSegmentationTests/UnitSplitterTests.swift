internal import CPRSCore
internal import CPRSSegmentation
internal import CPRSTestSupport
internal import Testing

@Suite struct UnitSplitterTests {
    static let granularities: [Granularity] = [.word, .sentence, .line, .paragraph, .record]

    @Test("any chunking gives the ends of the whole", arguments: Self.granularities)
    func chunking(granularity: Granularity) {
        for seed in 0..<60 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let text = Array(randomText(&random, pieces: Int.random(in: 0...600, using: &random)).utf8)
            let whole = unitEnds(granularity, text)
            for chunk in [1, 7, Int.random(in: 2...3000, using: &random)] {
                #expect(unitEnds(granularity, text, chunk: chunk) == whole, "seed \(seed), chunk \(chunk)")
            }
        }
    }

    @Test("chunking does not matter either beyond the buffer's size", arguments: Self.granularities)
    func longChunking(granularity: Granularity) {
        var random = SeededGenerator(seed: 77)
        let text = Array(randomText(&random, pieces: 60_000).utf8)
        let whole = unitEnds(granularity, text)
        for chunk in [1, 997, 100_000] { #expect(unitEnds(granularity, text, chunk: chunk) == whole, "chunk \(chunk)") }
    }

    @Test("units tile the text, at places where text may be cut", arguments: Self.granularities)
    func tiling(granularity: Granularity) {
        for seed in 100..<200 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let text = randomText(&random, pieces: Int.random(in: 0...400, using: &random))
            let ends = unitEnds(granularity, Array(text.utf8))
            #expect(zip([0] + ends, ends).allSatisfy { $0 < $1 }, "seed \(seed)")
            #expect((ends.last ?? 0) == text.utf8.count, "seed \(seed)")
            let scalars = Array(text.unicodeScalars)
            var indexOfOffset: [Int: Int] = [:]
            var offset = 0
            for (index, scalar) in scalars.enumerated() {
                indexOfOffset[offset] = index
                offset += UTF8.width(scalar)
            }
            indexOfOffset[offset] = scalars.count
            for end in ends {
                let index = indexOfOffset[end]
                #expect(index != nil, "seed \(seed): \(end) is inside a character")
                #expect(index.map { mayCut(scalars, at: $0) } ?? false, "seed \(seed): bad cut at byte \(end)")
            }
        }
    }

    @Test(
        "no end at or before the settled offset comes later, and the offset never falls", arguments: Self.granularities)
    func settled(granularity: Granularity) {
        for seed in 200..<220 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let text = Array(randomText(&random, pieces: 800).utf8)
            var splitter = UnitSplitter(granularity)
            var ends: [Int] = []
            var settled = 0
            var start = 0
            while start < text.count {
                let known = ends.count
                let end = min(start + Int.random(in: 1...500, using: &random), text.count)
                splitter.append(Array(text[start..<end]), into: &ends)
                start = end
                #expect(ends[known...].allSatisfy { $0 > settled }, "seed \(seed)")
                #expect(splitter.settledBytes >= settled && splitter.settledBytes <= start, "seed \(seed)")
                settled = splitter.settledBytes
                #expect(settled >= start - 3072, "seed \(seed): \(start - settled) bytes unsettled")
            }
            splitter.finish(into: &ends)
            #expect(splitter.settledBytes == text.count)
        }
    }

    @Test(
        "sentences and words end within their bounds whatever the text",
        arguments: ["x", " ", ".", "\n", "中", ". ", "x\n", "1"])
    func bounds(piece: String) {
        let text = Array(String(repeating: piece, count: 20_000).utf8)
        for (granularity, bound) in [(Granularity.sentence, 2048 + 1024), (.word, 256 + 4)] {
            let ends = unitEnds(granularity, text)
            #expect(zip([0] + ends, ends).allSatisfy { $1 - $0 <= bound }, "\(granularity) of '\(piece)'")
        }
    }

    @Test("a mark is never cut off, however many there are", arguments: Self.granularities)
    func marks(granularity: Granularity) {
        let text = Array(("a" + String(repeating: "\u{301}", count: 50_000) + "b").utf8)
        let ends = unitEnds(granularity, text, chunk: 1000)
        #expect(ends == [text.count] || ends == [text.count - 1, text.count])
    }

    @Test("bytes that are not UTF-8 do not trap", arguments: Self.granularities)
    func damagedText(granularity: Granularity) {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            let bytes = (0..<3000).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(unitEnds(granularity, bytes, chunk: 501).last == bytes.count)
        }
    }

    @Test("an empty text has no units", arguments: Self.granularities)
    func empty(granularity: Granularity) { #expect(unitEnds(granularity, []).isEmpty) }
}
