internal import CPRSCore

/// The second stage: NFC, told where it changed what.
///
/// Text may be cut before a character that neither moves nor joins what stands before it. Between two such cuts lies a
/// *region*; only regions that hold a suspect character are looked at closely, everything else is copied. The last
/// region stays back until the next one begins, because a combining mark may still follow.
/// Source: Unicode Standard Annex 15, "Detecting Normalization Forms" and "Stream-Safe Text Format".
package struct Normalizer: Sendable {
    /// The end of `held` was scanned up to here with this state, so that a long region is scanned once.
    private struct Region: Sendable {
        var lastClass: UInt8 = 0
        var suspect = false
    }

    private let isEnabled: Bool
    private let table = NormalizationTable.shared
    /// The open last region, as in the original.
    private var held: [UInt8] = []
    private var region = Region()
    /// Offset in the original of the next byte that becomes normalized text.
    private(set) var originalOffset = 0
    private var scalars: [DecomposedScalar] = []

    init(isEnabled: Bool) { self.isEnabled = isEnabled }

    /// Takes valid UTF-8 and appends what is certain of its normal form to `output`.
    mutating func append(_ text: UnsafeBufferPointer<UInt8>, into output: inout NormalizedText) {
        guard let base = text.baseAddress, text.count > 0 else { return }
        guard self.isEnabled else {
            self.copy(base, 0..<text.count, into: &output)
            return
        }
        var region = self.region
        // Start of the bytes not copied yet, and of the open region among them.
        var pending = 0
        var regionStart = 0
        var continuesHeld = !self.held.isEmpty
        var offset = 0
        while offset < text.count {
            if base[offset] < 0x80 {
                let run = Self.asciiRun(base, from: offset, to: text.count)
                self.closeRegion(&region, base, &pending, regionStart, offset, &continuesHeld, &output)
                regionStart = run - 1
                offset = run
                continue
            }
            let (codePoint, length) = decodeScalar(base, at: offset)
            let properties = self.table.properties(of: codePoint)
            if properties == 0 {
                self.closeRegion(&region, base, &pending, regionStart, offset, &continuesHeld, &output)
                regionStart = offset
            } else {
                let combiningClass = UInt8(truncatingIfNeeded: properties)
                if properties >= 0x100 || (combiningClass != 0 && combiningClass < region.lastClass) {
                    region.suspect = true
                }
                region.lastClass = combiningClass
            }
            offset &+= length
        }
        // The open region waits; everything before it is clean.
        if !continuesHeld {
            self.copy(base, pending..<regionStart, into: &output)
            pending = regionStart
        }
        self.held.append(contentsOf: UnsafeBufferPointer(start: base + pending, count: text.count - pending))
        self.region = region
    }

    /// Ends the text: the open region is certain now.
    mutating func finish(into output: inout NormalizedText) {
        var held: [UInt8] = []
        swap(&held, &self.held)
        held.withUnsafeBufferPointer { self.emit($0, suspect: self.region.suspect, into: &output) }
        held.removeAll(keepingCapacity: held.count <= NormalizedText.keptCapacity)
        swap(&held, &self.held)
        self.region = Region()
    }

    /// The NFC form of a whole text of valid UTF-8.
    package static func nfc(_ text: [UInt8]) -> [UInt8] {
        var normalizer = Self(isEnabled: true)
        var output = NormalizedText()
        text.withUnsafeBufferPointer { normalizer.append($0, into: &output) }
        normalizer.finish(into: &output)
        return Array(output.storage[..<output.count])
    }

    /// Steps over bytes of the original that do not become text.
    mutating func skip(_ count: Int) { self.originalOffset += count }

    @inline(__always)
    private static func asciiRun(_ text: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        var offset = start
        while offset &+ 8 <= end, loadWord(text, at: offset) & asciiMask == 0 { offset &+= 8 }
        while offset < end, text[offset] < 0x80 { offset &+= 1 }
        return offset
    }

    /// The region before `end` is complete. Clean ones stay pending, to be copied in long runs.
    @inline(__always)
    private mutating func closeRegion(
        _ region: inout Region, _ base: UnsafePointer<UInt8>, _ pending: inout Int, _ regionStart: Int, _ end: Int,
        _ continuesHeld: inout Bool, _ output: inout NormalizedText
    ) {
        if continuesHeld {
            self.held.append(contentsOf: UnsafeBufferPointer(start: base, count: end))
            self.region = region
            self.finish(into: &output)
            continuesHeld = false
            pending = end
        } else if region.suspect {
            self.copy(base, pending..<regionStart, into: &output)
            let bytes = UnsafeBufferPointer(start: base + regionStart, count: end - regionStart)
            self.emit(bytes, suspect: true, into: &output)
            pending = end
        }
        region.suspect = false
        region.lastClass = 0
    }

    @inline(__always)
    private mutating func copy(_ base: UnsafePointer<UInt8>, _ range: Range<Int>, into output: inout NormalizedText) {
        guard !range.isEmpty else { return }
        output.append(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count))
        self.originalOffset += range.count
    }
}

// MARK: - One region

/// A character on its way through decomposition, reordering and composition.
private struct DecomposedScalar {
    var codePoint: UInt32
    var combiningClass: UInt8
    /// How many original characters it uses up. The first character of a decomposition stands for the original,
    /// the others for none; a composed character uses up what its parts do.
    var consumed: Int32
}

extension Normalizer {
    private mutating func emit(_ bytes: UnsafeBufferPointer<UInt8>, suspect: Bool, into output: inout NormalizedText) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        guard suspect else {
            self.copy(base, 0..<bytes.count, into: &output)
            return
        }
        self.decompose(base, bytes.count)
        self.reorder()
        self.compose()
        self.write(base, bytes.count, into: &output)
        if self.scalars.capacity > NormalizedText.keptCapacity { self.scalars = [] }
    }

    private mutating func decompose(_ base: UnsafePointer<UInt8>, _ count: Int) {
        self.scalars.removeAll(keepingCapacity: true)
        var offset = 0
        while offset < count {
            let (codePoint, length) = decodeScalar(base, at: offset)
            var consumed: Int32 = 1
            self.table.decompose(codePoint) { part in
                self.scalars.append(
                    DecomposedScalar(
                        codePoint: part, combiningClass: self.table.combiningClass(of: part), consumed: consumed))
                consumed = 0
            }
            offset += length
        }
    }

    /// Sorts every run of marks by combining class, keeping the order of equals. The standard library's sort is
    /// stable in fact but not by promise, so the position breaks ties: a counting sort over the 256 classes.
    private mutating func reorder() {
        var start = 0
        while start < self.scalars.count {
            guard self.scalars[start].combiningClass != 0 else {
                start += 1
                continue
            }
            var end = start + 1
            var isOrdered = true
            while end < self.scalars.count, self.scalars[end].combiningClass != 0 {
                isOrdered = isOrdered && self.scalars[end - 1].combiningClass <= self.scalars[end].combiningClass
                end += 1
            }
            if !isOrdered { self.countingSort(start..<end) }
            start = end
        }
    }

    private mutating func countingSort(_ run: Range<Int>) {
        var next = [Int](repeating: 0, count: 257)
        for scalar in self.scalars[run] { next[Int(scalar.combiningClass) + 1] += 1 }
        for index in 1...256 { next[index] += next[index - 1] }
        let unsorted = Array(self.scalars[run])
        for scalar in unsorted {
            self.scalars[run.lowerBound + next[Int(scalar.combiningClass)]] = scalar
            next[Int(scalar.combiningClass)] += 1
        }
    }

    /// Joins each starter with the following characters that compose with it and that nothing blocks.
    private mutating func compose() {
        var written = 0
        var starter: Int?
        for index in self.scalars.indices {
            let scalar = self.scalars[index]
            if let first = starter {
                // Blocked if what stands between is a starter or has this class or a higher one.
                let isAdjacent = written == first + 1
                let isBlocked = !isAdjacent && self.scalars[written - 1].combiningClass >= scalar.combiningClass
                if !isBlocked, let composed = self.table.compose(self.scalars[first].codePoint, scalar.codePoint) {
                    self.scalars[first].codePoint = composed
                    self.scalars[first].consumed += scalar.consumed
                    continue
                }
            }
            if scalar.combiningClass == 0 { starter = written }
            self.scalars[written] = scalar
            written += 1
        }
        self.scalars.removeSubrange(written...)
    }

    /// Writes the region and notes each character that is not simply the next one of the original, for itself alone.
    private mutating func write(_ base: UnsafePointer<UInt8>, _ count: Int, into output: inout NormalizedText) {
        var offset = 0
        var last = self.originalOffset..<self.originalOffset
        for (index, scalar) in self.scalars.enumerated() {
            let sourceStart = offset
            var firstEnd = offset
            var isSame = false
            for part in 0..<Int(scalar.consumed) {
                let (codePoint, length) = decodeScalar(base, at: offset)
                offset += length
                if part == 0 {
                    firstEnd = offset
                    isSame = scalar.consumed == 1 && codePoint == scalar.codePoint
                }
                last = self.originalOffset + offset - length..<self.originalOffset + offset
            }
            let source =
                scalar.consumed == 0 ? last : self.originalOffset + sourceStart..<self.originalOffset + firstEnd
            // The next one is charged with the same original character. So is the whole of this one: of its last bytes
            // a token could be made, and the next token would begin before it.
            let isShared = index + 1 < self.scalars.count && self.scalars[index + 1].consumed == 0
            output.append(
                scalar.codePoint, source: isSame && !isShared ? nil : source, resume: self.originalOffset + offset)
        }
        self.originalOffset += count
    }
}
