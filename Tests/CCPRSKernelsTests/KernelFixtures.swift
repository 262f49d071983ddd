internal import CCPRSKernels
internal import CPRSTestSupport
internal import Testing

/// An instruction set that this machine runs, named in the test's report.
struct InstructionSet: Sendable, CustomTestStringConvertible {
    let isa: cprs_isa

    var testDescription: String { String(cString: cprs_isa_name(self.isa)) }

    static let all: [cprs_isa] = (0..<CPRS_ISA_COUNT).map { cprs_isa(rawValue: UInt32($0)) }
    static let available: [InstructionSet] = Self.all.filter { cprs_has_isa($0) != 0 }.map(Self.init)
}

/// Zeroed memory whose start is a multiple of 64 bytes, as packed matrices need.
final class AlignedMemory {
    let start: UnsafeMutableRawPointer
    let count: Int

    init(bytes count: Int) {
        self.count = count
        self.start = .allocate(byteCount: max(count, 1), alignment: 64)
        self.start.initializeMemory(as: UInt8.self, repeating: 0, count: max(count, 1))
    }

    deinit { self.start.deallocate() }

    func load<Element>(_ index: Int, as type: Element.Type) -> Element {
        self.start.load(fromByteOffset: index * MemoryLayout<Element>.stride, as: type)
    }
}

extension SeededGenerator {
    /// Uniform in [-scale, scale).
    mutating func floats(_ count: Int, scale: Float = 1) -> [Float] {
        (0..<count).map { _ in (Float(self.next() >> 40) / 8_388_608 - 1) * scale }
    }
}

/// bfloat16 by rounding to nearest even, written from its definition: the nearer of the two neighbours.
func bf16(_ value: Float) -> UInt16 {
    let below = UInt16(value.bitPattern >> 16), rest = value.bitPattern & 0xFFFF
    guard !value.isNaN else { return below | 0x40 }
    let up = rest > 0x8000 || (rest == 0x8000 && below & 1 == 1)
    return up ? below + 1 : below
}

func float(bf16 bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

/// The element with the largest error, each divided by `scale[i]`: what it should be, what it is.
struct WorstElement: CustomStringConvertible {
    var index = 0
    var expected = 0.0
    var got = 0.0
    var error = 0.0

    init(got: [Float], expected: [Double], scale: [Double]) {
        for (i, value) in got.enumerated() {
            let error = abs(Double(value) - expected[i]) / max(scale[i], 1e-30)
            if !(error <= self.error) {
                (self.index, self.expected, self.got, self.error) = (i, expected[i], Double(value), error)
            }
        }
    }

    var description: String { "element \(index): expected \(expected), got \(got), error \(error)" }
}
