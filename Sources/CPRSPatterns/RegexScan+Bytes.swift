internal import CPRSCore

/// A piece of a stream that begins and ends at scalar boundaries.
struct ScalarChunk {
    /// The piece, then any bytes already known to follow it.
    var bytes: UnsafeBufferPointer<UInt8>
    /// How many of `bytes` are to be read.
    var count: Int
    /// Offset in the stream of the first byte.
    var offset: Int
    /// The scalar before the first byte; nil at the start of the stream.
    var previous: UInt32?
}

extension RegexScan {
    /// Searches through a chunk; appends the matches that became final.
    mutating func scan(_ chunk: ScalarChunk, into matches: inout [ByteRange]) {
        let program = self.program
        self.withMachine { machine in
            var index = 0
            while index < chunk.count {
                if machine.isIdle {
                    index = Self.skip(chunk, from: index, to: program.canBegin)
                    if index == chunk.count { return }
                }
                let scalar = UTF8Scalar(in: chunk.bytes, at: index)
                machine.cross(Self.place(in: chunk, at: index, scalar: scalar.value, of: program), into: &matches)
                index += scalar.byteCount
            }
        }
    }

    /// Takes the end of the stream, after `chunk` has been scanned; appends the last matches.
    mutating func finish(_ chunk: ScalarChunk, into matches: inout [ByteRange]) {
        let place = Self.place(in: chunk, at: chunk.count, scalar: UTF8Scalar.invalid, of: self.program)
        self.withMachine { $0.cross(place, into: &matches) }
    }

    /// The first index from `start` on whose byte can begin a match, or `chunk.count`.
    private static func skip(_ chunk: ScalarChunk, from start: Int, to canBegin: [UInt8]) -> Int {
        canBegin.withUnsafeBufferPointer { canBegin in
            var index = start
            // Four at a time: most bytes begin nothing.
            while index + 4 <= chunk.count {
                let flags =
                    canBegin[Int(chunk.bytes[index])] | canBegin[Int(chunk.bytes[index + 1])]
                    | canBegin[Int(chunk.bytes[index + 2])] | canBegin[Int(chunk.bytes[index + 3])]
                if flags != 0 { break }
                index += 4
            }
            while index < chunk.count, canBegin[Int(chunk.bytes[index])] == 0 { index += 1 }
            return index
        }
    }

    @inline(__always)
    private static func place(
        in chunk: ScalarChunk, at index: Int, scalar: UInt32, of program: RegexProgram
    ) -> Place {
        var category: ScalarCategories = []
        if scalar >= 0x80, program.hasCategories, let scalar = Unicode.Scalar(scalar) {
            category = ScalarCategories(of: scalar)
        }
        var assertions: Assertions = []
        if program.hasAssertions { assertions = Self.assertions(in: chunk, at: index, scalar: scalar) }
        return Place(offset: chunk.offset + index, assertions: assertions, scalar: scalar, category: category)
    }

    private static func assertions(in chunk: ScalarChunk, at index: Int, scalar: UInt32) -> Assertions {
        let previous = index == 0 ? chunk.previous : UTF8Scalar.value(before: index, in: chunk.bytes)
        let newline = UInt32(0x0A)
        let carriageReturn = UInt32(0x0D)
        var holding: Assertions = []
        if previous == nil || previous == newline { holding.insert(.lineStart) }
        let isCRLF = scalar == carriageReturn && index + 1 < chunk.bytes.count && chunk.bytes[index + 1] == 0x0A
        let isEnd = index == chunk.bytes.count
        if isEnd || isCRLF || (scalar == newline && previous != carriageReturn) { holding.insert(.lineEnd) }
        let isBoundary = Self.isWord(previous ?? UTF8Scalar.invalid) != Self.isWord(scalar)
        holding.insert(isBoundary ? .wordBoundary : .noWordBoundary)
        return holding
    }

    private static func isWord(_ value: UInt32) -> Bool {
        guard value >= 0x80 else {
            return switch UInt8(value) {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        return Unicode.Scalar(value).map { !ScalarCategories(of: $0).isDisjoint(with: .word) } ?? false
    }
}
