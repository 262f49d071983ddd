internal import CPRSCore
internal import CPRSSegmentation
internal import CPRSTestSupport
internal import Testing

@Suite struct WindowerTests {
    /// A random text as token ranges and sentence ends; ends may fall inside tokens.
    struct Document {
        var tokens: [Token] = []
        var ends: [Int] = []

        init(_ random: inout SeededGenerator) {
            var offset = 0
            for _ in 0..<Int.random(in: 0...300, using: &random) {
                let length = Int.random(in: 1...6, using: &random)
                self.tokens.append(
                    Token(id: TokenID.random(in: 0...2, using: &random), bytes: offset..<offset + length))
                offset += length
            }
            let density = Int.random(in: 2...60, using: &random)
            for end in 0..<offset where Int.random(in: 0..<density, using: &random) == 0 { self.ends.append(end + 1) }
            if offset > 0, self.ends.last != offset { self.ends.append(offset) }
        }

        /// The sentence of each token: that of its last byte.
        var sentences: [Int] {
            self.tokens.map { token in self.ends.firstIndex { token.bytes.upperBound <= $0 }! }
        }
    }

    static func kind(_ id: TokenID) -> Windower.TokenStart {
        id == 0 ? .word : id == 1 ? .insideWord : .insideCharacter
    }

    func windows(_ document: Document, room: Int, step: Int) -> [[Token]] {
        var windower = Windower(roomTokens: room, startOfToken: Self.kind)
        var windows: [[Token]] = []
        var settled = 0
        for first in stride(from: 0, to: document.tokens.count, by: step) {
            let chunk = document.tokens[first..<min(first + step, document.tokens.count)]
            windower.append(tokens: chunk)
            let upper = max(settled, chunk.last!.bytes.upperBound - 5)
            windower.append(sentenceEnds: document.ends.filter { $0 > settled && $0 <= upper }, settledBytes: upper)
            settled = upper
            while let window = windower.next() { windows.append(window) }
        }
        windower.append(sentenceEnds: document.ends.filter { $0 > settled }, settledBytes: settled)
        windower.finish()
        while let window = windower.next() { windows.append(window) }
        return windows
    }

    @Test("every token is in one window, in order, and no window is empty or larger than the room")
    func partition() {
        for seed in 0..<300 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let document = Document(&random)
            let room = Int.random(in: 1...40, using: &random)
            let windows = self.windows(document, room: room, step: 1 + Int(seed % 17))
            #expect(windows.flatMap { $0 } == document.tokens, "seed \(seed)")
            #expect(windows.allSatisfy { !$0.isEmpty && $0.count <= room }, "seed \(seed)")
            #expect(windows == self.windows(document, room: room, step: 1000), "seed \(seed): depends on the chunks")
        }
    }

    @Test("windows are the greedy packing of whole sentences; longer ones are cut where the rules say")
    func greedyPacking() {
        for seed in 300..<600 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let document = Document(&random)
            let room = Int.random(in: 1...40, using: &random)
            let sentences = document.sentences
            var first = 0
            for window in self.windows(document, room: room, step: 50) {
                let next = first + window.count
                let rest = document.tokens.count - first
                if rest <= room {
                    #expect(window.count == rest, "seed \(seed)")
                } else if let whole = (1...room).last(where: { sentences[first + $0] != sentences[first + $0 - 1] }) {
                    #expect(window.count == whole, "seed \(seed)")
                } else {
                    let starts = (1...room).filter {
                        Self.kind(document.tokens[first + $0].id) == .word && $0 > room / 2
                    }
                    let visible = (1...room).filter { Self.kind(document.tokens[first + $0].id) != .insideCharacter }
                    #expect(window.count == starts.last ?? visible.last ?? room, "seed \(seed)")
                }
                first = next
            }
        }
    }

    @Test("tokens that share a character stay together")
    func sharedCharacter() {
        var windower = Windower(roomTokens: 3)
        windower.append(tokens: [0..<1, 1..<2, 2..<6, 2..<6, 6..<7].map { Token(id: 0, bytes: $0) })
        windower.append(sentenceEnds: [7], settledBytes: 7)
        windower.finish()
        #expect(windower.next()?.count == 2)
        #expect(windower.next()?.count == 3)
        #expect(windower.next() == nil)
    }

    @Test("a window waits until the sentence ends around it are known")
    func waits() {
        var windower = Windower(roomTokens: 2)
        windower.append(tokens: (0..<4).map { Token(id: 0, bytes: $0..<$0 + 1) })
        #expect(windower.next() == nil)
        windower.append(sentenceEnds: [1], settledBytes: 1)
        #expect(windower.next() == nil)
        windower.append(sentenceEnds: [], settledBytes: 2)
        #expect(windower.next()?.count == 1)
    }
}
