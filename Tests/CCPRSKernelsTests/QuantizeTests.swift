internal import CCPRSKernels
internal import CPRSTestSupport
internal import Testing

@Suite("Conversions of activations")
struct QuantizeTests {
    static let columns = [1, 15, 16, 17, 33, 64, 250]
    static let groups = [0, 16, 128]
    /// Float32 sum of squares, root and two products.
    static let normTolerance = 0x1p-20
    /// Half a unit in bf16's last place, and the same float32 errors.
    static let bf16Tolerance = 0x1.01p-8

    @Test("round float32 to the nearest bf16, ties to even", arguments: InstructionSet.available)
    func rounding(set: InstructionSet) {
        var generator = SeededGenerator(seed: 1)
        let special: [UInt32] = [
            0, 0x8000_0000, 0x3F80_8000, 0x3F81_8000, 0x3F80_8001, 0x3F80_7FFF, 0x7F7F_FFFF, 0x7F80_0000, 0xFF80_0000,
            0x0000_0001, 0x0000_8000, 0x0001_8000, 0x807F_FFFF, 0x7F80_0001, 0x7FFF_FFFF, 0xFFC0_0000,
        ]
        let x = (special + (0..<1001).map { _ in UInt32(truncatingIfNeeded: generator.next()) })
            .map(Float.init(bitPattern:))
        var out = [UInt16](repeating: 7, count: cprs_packed_inputs(x.count))
        cprs_round_bf16(set.isa, x, x.count, 1, x.count, &out, out.count)
        for (i, value) in x.enumerated() where out[i] != bf16(value) {
            Issue.record("\(value) (\(value.bitPattern)): expected \(bf16(value)), got \(out[i])")
        }
        #expect(out[x.count...].allSatisfy { $0 == 0 })
    }

    @Test(
        "quantise to the nearest of 255 steps, the same on every instruction set", arguments: InstructionSet.available)
    func quantize(set: InstructionSet) {
        for columns in Self.columns {
            for group in Self.groups {
                var generator = SeededGenerator(seed: UInt64(columns))
                var x = generator.floats(3 * columns, scale: 5)
                for k in 0..<columns { x[columns + k] = 0 }
                let rows = Activations(x, rows: 3, columns: columns, group: group, isInt8: true, on: set.isa)
                let plain = Activations(
                    x, rows: 3, columns: columns, group: group, isInt8: true, on: CPRS_ISA_PORTABLE)
                #expect(rows.int8 == plain.int8 && rows.scales == plain.scales)
                for row in 0..<3 {
                    for k in 0..<rows.stride {
                        let value = rows.int8[row * rows.stride + k]
                        guard k < columns else {
                            #expect(value == 128)
                            continue
                        }
                        let scale = rows.scales[row * rows.groups + (group == 0 ? 0 : k / group)]
                        let error = abs(rows.value(row, k) - Double(x[row * columns + k]))
                        #expect(error <= Double(scale) * 0.50001 && value >= 1, "row \(row), column \(k)")
                    }
                }
                #expect(rows.scales[rows.groups..<2 * rows.groups].allSatisfy { $0 == 0 })
            }
        }
    }

    @Test("quantise bf16 rows as they do the same values in float32", arguments: InstructionSet.available)
    func quantizeBF16(set: InstructionSet) {
        for columns in Self.columns {
            for group in Self.groups {
                var generator = SeededGenerator(seed: UInt64(columns))
                let bits = generator.floats(2 * columns, scale: 5).map { bf16($0) }
                let wanted = Activations(
                    bits.map(float(bf16:)), rows: 2, columns: columns, group: group, isInt8: true, on: set.isa)
                var out = [UInt8](repeating: 0, count: wanted.int8.count)
                var scales = [Float](repeating: 0, count: wanted.scales.count)
                cprs_quantize_bf16(set.isa, bits, columns, 2, columns, group, &out, wanted.stride, &scales)
                #expect(out == wanted.int8 && scales == wanted.scales)
            }
        }
    }

    @Test("normalise before they round", arguments: InstructionSet.available)
    func normBF16(set: InstructionSet) {
        for columns in Self.columns {
            let case_ = NormCase(columns: columns)
            var out = [UInt16](repeating: 7, count: case_.rows * case_.stride)
            cprs_rms_norm_bf16(
                set.isa, case_.x, columns, case_.weight, case_.epsilon, case_.rows, columns, &out, case_.stride)
            let got = case_.indices.map { float(bf16: out[$0]) }
            let worst = WorstElement(got: got, expected: case_.expected, scale: case_.expected.map { abs($0) })
            #expect(worst.error <= Self.bf16Tolerance, "\(columns) columns: \(worst)")
            #expect(out.enumerated().allSatisfy { $0.offset % case_.stride < columns || $0.element == 0 })
            var plain = out
            cprs_rms_norm_bf16(
                CPRS_ISA_PORTABLE, case_.x, columns, case_.weight, case_.epsilon, case_.rows, columns, &plain,
                case_.stride)
            #expect(out == plain)
        }
    }

    @Test("normalise before they quantise", arguments: InstructionSet.available)
    func normInt8(set: InstructionSet) {
        for columns in Self.columns {
            for group in Self.groups {
                let case_ = NormCase(columns: columns)
                let groups = group == 0 ? 1 : (columns + group - 1) / group
                var out = [UInt8](repeating: 7, count: case_.rows * case_.stride)
                var scales = [Float](repeating: .nan, count: case_.rows * groups)
                cprs_rms_norm_int8(
                    set.isa, case_.x, columns, case_.weight, case_.epsilon, case_.rows, columns, group, &out,
                    case_.stride, &scales)
                let got = case_.indices.map { index -> Float in
                    let (row, column) = (index / case_.stride, index % case_.stride)
                    return (Float(out[index]) - 128) * scales[row * groups + (group == 0 ? 0 : column / group)]
                }
                let steps = case_.indices.map { index -> Double in
                    let (row, column) = (index / case_.stride, index % case_.stride)
                    return Double(scales[row * groups + (group == 0 ? 0 : column / group)])
                }
                let worst = WorstElement(got: got, expected: case_.expected, scale: steps)
                #expect(worst.error <= 0.5 + 127 * Self.normTolerance, "\(columns) columns, group \(group): \(worst)")
            }
        }
    }
}

/// Rows to normalise, and the result in double precision.
private struct NormCase {
    let rows = 3
    let epsilon: Float = 1e-6
    let stride: Int
    let x: [Float]
    let weight: [Float]
    /// Where the results lie in rows of `stride` elements.
    let indices: [Int]
    let expected: [Double]

    init(columns: Int) {
        var generator = SeededGenerator(seed: UInt64(columns))
        let x = generator.floats(3 * columns, scale: 4), weight = generator.floats(columns)
        let stride = cprs_packed_inputs(columns)
        self.stride = stride
        self.x = x
        self.weight = weight
        self.indices = (0..<3 * columns).map { $0 / columns * stride + $0 % columns }
        var expected: [Double] = []
        for row in 0..<3 {
            let values = x[row * columns..<(row + 1) * columns].map { Double($0) }
            let mean = values.reduce(0) { $0 + $1 * $1 } / Double(columns)
            let inverse = 1 / (mean + Double(self.epsilon)).squareRoot()
            expected += zip(values, weight).map { $0 * inverse * Double($1) }
        }
        self.expected = expected
    }
}
