internal import CPRSCore
internal import CPRSSegmentation

extension FuzzTarget {
    /// Units tile any bytes, the same in any chunking, and keep what `settledBytes` promises; valid text is cut between
    /// characters only.
    static let units = FuzzTarget(name: "units") { input in
        var input = FuzzInput(input)
        let granularities: [Granularity] = [.word, .sentence, .line, .paragraph]
        let granularity = granularities[Int(input.byte() % 4)]
        let sizes = input.chunkSizes()
        // Rules look a thousand bytes ahead; so repeated, a short input reaches beyond that, and the buffer's edge.
        let repeats = [1, 1, 1, 3, 40, 400][Int(input.byte() % 6)]
        let text = Array(repeatElement(input.rest, count: repeats).joined().prefix(100_000))
        let whole = try Self.ends(granularity, [text])
        try require(whole.last ?? 0 == text.count, "units end at the end: \(whole) of \(text.count)")
        try require(zip([0] + whole, whole).allSatisfy { $0 < $1 }, "ends ascend: \(whole)")
        let streamed = try Self.ends(granularity, cut(text, by: sizes.map { $0 * (repeats > 3 ? 40 : 1) }))
        try require(streamed == whole, "\(granularity) ends in chunks of \(sizes): \(streamed), whole: \(whole)")
        guard String(validating: text, as: UTF8.self) != nil else { return }
        let inside = whole.first { $0 < text.count && text[$0] & 0xC0 == 0x80 }
        try require(inside == nil, "\(granularity) cuts a character at \(inside ?? 0)")
    }

    private static func ends(_ granularity: Granularity, _ chunks: [[UInt8]]) throws -> [Int] {
        var splitter = UnitSplitter(granularity)
        var ends: [Int] = []
        var settled = 0
        for chunk in chunks {
            let known = ends.count
            splitter.append(chunk, into: &ends)
            try require(ends[known...].allSatisfy { $0 > settled }, "no end at or before the settled \(settled)")
            try require(splitter.settledBytes >= settled, "settledBytes falls from \(settled)")
            settled = splitter.settledBytes
        }
        let known = ends.count
        splitter.finish(into: &ends)
        try require(ends[known...].allSatisfy { $0 > settled }, "no last end at or before the settled \(settled)")
        return ends
    }
}
