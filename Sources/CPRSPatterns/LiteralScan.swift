internal import CPRSCore

/// The search for all literals in one stream.
struct LiteralScan: Sendable {
    private let automaton: LiteralAutomaton
    private var state = LiteralAutomaton.root

    init(_ automaton: LiteralAutomaton) { self.automaton = automaton }

    /// How many of the last bytes may be the start of a match to come.
    var openBytes: Int { Int(self.automaton.depths[Int(self.state)]) }

    /// Searches through the next bytes, of which the first is at `offset`; appends the matches that end in them.
    mutating func scan(_ bytes: UnsafeBufferPointer<UInt8>, offset: Int, into matches: inout [ByteRange]) {
        var state = self.state
        var index = 0
        while index < bytes.count {
            if state == LiteralAutomaton.root {
                index = self.skip(bytes, from: index)
                if index == bytes.count { break }
            }
            state = self.automaton.successor(of: state, on: bytes[index])
            index += 1
            let length = Int(self.automaton.outputs[Int(state)])
            if length > 0 { matches.append(offset + index - length..<offset + index) }
        }
        self.state = state
    }

    private func skip(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        self.automaton.fromRoot.withUnsafeBufferPointer { fromRoot in
            var index = start
            // Four at a time: most bytes begin nothing.
            while index + 4 <= bytes.count {
                let states =
                    fromRoot[Int(bytes[index])] | fromRoot[Int(bytes[index + 1])] | fromRoot[Int(bytes[index + 2])]
                    | fromRoot[Int(bytes[index + 3])]
                if states != LiteralAutomaton.root { break }
                index += 4
            }
            while index < bytes.count, fromRoot[Int(bytes[index])] == LiteralAutomaton.root { index += 1 }
            return index
        }
    }
}
