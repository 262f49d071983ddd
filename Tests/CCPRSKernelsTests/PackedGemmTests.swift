internal import CCPRSKernels
internal import CPRSTestSupport
internal import Glibc
internal import Testing

@Suite("Products with packed weights")
struct PackedGemmTests {
    /// Float32 sums of up to 2100 terms in several parts: error relative to the sum of magnitudes.
    static let sumTolerance = 0x1p-20
    /// silu's exponential and division on top.
    static let gatedTolerance = 0x1p-18
    /// Half a unit in bf16's last place.
    static let bf16Tolerance = 0x1p-8

    /// Rows, outputs, inputs: less and more than a tile, a panel and a block of inputs.
    static let shapes: [(rows: Int, outputs: Int, inputs: Int)] = [
        (1, 1, 1), (5, 7, 3), (6, 64, 64), (7, 65, 50), (13, 130, 272), (98, 70, 1100), (3, 64, 2100),
    ]

    @Test("equal the double-precision product within the rounding of float32 sums", arguments: InstructionSet.available)
    func products(set: InstructionSet) {
        for (isInt8, group) in [(false, 0), (true, 0), (true, 128), (true, 16)] {
            for (index, shape) in Self.shapes.enumerated() {
                let case_ = GemmCase(shape, seed: UInt64(index), isInt8: isInt8, group: group, on: set.isa)
                let worst = WorstElement(got: case_.run(on: set.isa), expected: case_.expected, scale: case_.magnitudes)
                #expect(worst.error <= Self.sumTolerance, "int8 \(isInt8), group \(group), \(shape): \(worst)")
            }
        }
    }

    @Test("in int8 have the same bits on every instruction set", arguments: InstructionSet.available)
    func int8Bits(set: InstructionSet) {
        for group in [0, 64, 128] {
            for (index, shape) in Self.shapes.enumerated() {
                let case_ = GemmCase(shape, seed: UInt64(index), isInt8: true, group: group, on: CPRS_ISA_PORTABLE)
                #expect(case_.run(on: set.isa) == case_.run(on: CPRS_ISA_PORTABLE), "group \(group), \(shape)")
            }
        }
    }

    @Test(
        "give a row the same bits whatever rows and panels are computed with it", arguments: InstructionSet.available)
    func rowsStandAlone(set: InstructionSet) {
        for (isInt8, group) in [(false, 0), (true, 0), (true, 128)] {
            let case_ = GemmCase((101, 150, 1100), seed: 5, isInt8: isInt8, group: group, on: set.isa)
            let whole = case_.run(on: set.isa)
            var split = [Float](repeating: .nan, count: whole.count)
            var row = 0
            for count in [1, 2, 3, 4, 5, 6, 7, 12, 61] {
                for panel in 0..<3 {
                    multiply(
                        case_.x, case_.matrix, on: set.isa, bias: case_.bias, rows: row..<row + count,
                        panels: panel..<panel + 1, into: &split, width: 150)
                }
                row += count
            }
            #expect(row == 101)
            #expect(split == whole, "int8 \(isInt8), group \(group)")
        }
    }

    @Test("leave the columns of other panels alone", arguments: InstructionSet.available)
    func otherPanels(set: InstructionSet) {
        let case_ = GemmCase((7, 150, 40), seed: 6, isInt8: false, group: 0, on: set.isa)
        var out = [Float](repeating: -7, count: 7 * 150)
        multiply(case_.x, case_.matrix, on: set.isa, panels: 2..<3, into: &out, width: 150)
        for (i, value) in out.enumerated() {
            #expect((value == -7) == (i % 150 < 128), "element \(i): \(value)")
        }
    }

    @Test("add to a residual stream", arguments: InstructionSet.available)
    func residual(set: InstructionSet) {
        for isInt8 in [false, true] {
            let case_ = GemmCase((8, 70, 100), seed: 7, isInt8: isInt8, group: 0, on: set.isa)
            var generator = SeededGenerator(seed: 8)
            let before = generator.floats(8 * 70)
            var after = before
            multiply(
                case_.x, case_.matrix, on: set.isa, store: CPRS_ADD_F32, bias: case_.bias, into: &after, width: 70)
            let expected = zip(before, case_.run(on: set.isa)).map { $0 + $1 }
            #expect(after == expected)
        }
    }

    @Test("fuse silu(gate) * up", arguments: InstructionSet.available)
    func gated(set: InstructionSet) {
        for isInt8 in [false, true] {
            for outputs in [32, 45, 71] {
                var generator = SeededGenerator(seed: UInt64(outputs))
                let (rows, inputs) = (9, 80)
                let weights = generator.floats(2 * outputs * inputs)
                let x = Activations(
                    generator.floats(rows * inputs, scale: 3), rows: rows, columns: inputs, isInt8: isInt8, on: set.isa)
                let matrix =
                    isInt8
                    ? PackedMatrix.int8(weights, outputs: outputs, inputs: inputs, gated: true)
                    : PackedMatrix.bf16(weights, outputs: outputs, inputs: inputs, gated: true)
                var expected: [Double] = [], scale: [Double] = []
                for row in 0..<rows {
                    for output in 0..<outputs {
                        var gate = 0.0, up = 0.0, gateSize = 0.0, upSize = 0.0
                        for k in 0..<inputs {
                            let g = x.value(row, k) * matrix.weight(output, k, isInt8: isInt8)
                            let u = x.value(row, k) * matrix.weight(output, k, up: true, isInt8: isInt8)
                            (gate, up, gateSize, upSize) = (gate + g, up + u, gateSize + abs(g), upSize + abs(u))
                        }
                        expected.append(gate / (1 + exp(-gate)) * up)
                        scale.append(gateSize * upSize)
                    }
                }
                var wide = [Float](repeating: .nan, count: rows * outputs)
                multiply(x, matrix, on: set.isa, store: CPRS_SWIGLU_F32, into: &wide, width: outputs)
                let worst = WorstElement(got: wide, expected: expected, scale: scale)
                #expect(worst.error <= Self.gatedTolerance, "int8 \(isInt8), \(outputs) outputs: \(worst)")

                var narrow = [UInt16](repeating: 0x7FC0, count: rows * outputs)
                multiply(x, matrix, on: set.isa, store: CPRS_SWIGLU_BF16, into: &narrow, width: outputs)
                let sizes = zip(expected, scale).map { abs($0) + $1 * 0x1p-10 }
                let worstNarrow = WorstElement(got: narrow.map(float(bf16:)), expected: expected, scale: sizes)
                #expect(worstNarrow.error <= Self.bf16Tolerance, "int8 \(isInt8), \(outputs) outputs: \(worstNarrow)")
            }
        }
    }

    @Test("in int8 do not saturate at the largest values", arguments: InstructionSet.available)
    func extremes(set: InstructionSet) {
        let inputs = 4096
        for (weight, value) in [(Float(1), Float(1)), (1, -1), (-1, 1), (-1, -1)] {
            let matrix = PackedMatrix.int8(
                [Float](repeating: weight * 127, count: inputs), outputs: 1, inputs: inputs)
            let x = Activations(
                [Float](repeating: value * 127, count: inputs), rows: 1, columns: inputs, isInt8: true, on: set.isa)
            var out: [Float] = [.nan]
            multiply(x, matrix, on: set.isa, into: &out, width: 1)
            #expect(out[0] == weight * value * Float(127 * 127 * inputs))
        }
    }

    @Test("run the portable code for an instruction set that is not there")
    func missingSet() {
        for isa in InstructionSet.all where cprs_has_isa(isa) == 0 {
            let case_ = GemmCase((7, 65, 50), seed: 9, isInt8: false, group: 0, on: isa)
            #expect(case_.run(on: isa) == case_.run(on: CPRS_ISA_PORTABLE))
        }
        #expect(cprs_has_isa(cprs_best_isa()) != 0)
    }
}

/// Random weights, activations and bias, and their product in double precision from the packed values.
private struct GemmCase {
    let x: Activations
    let matrix: PackedMatrix
    let bias: [Float]
    let outputs: Int
    private(set) var expected: [Double] = []
    private(set) var magnitudes: [Double] = []

    init(
        _ shape: (rows: Int, outputs: Int, inputs: Int), seed: UInt64, isInt8: Bool, group: Int, on isa: cprs_isa
    ) {
        var generator = SeededGenerator(seed: seed)
        let (rows, outputs, inputs) = shape
        let weights = generator.floats(outputs * inputs)
        self.outputs = outputs
        self.bias = generator.floats(outputs)
        self.matrix =
            isInt8
            ? PackedMatrix.int8(weights, outputs: outputs, inputs: inputs, group: group)
            : PackedMatrix.bf16(weights, outputs: outputs, inputs: inputs)
        self.x = Activations(
            generator.floats(rows * inputs), rows: rows, columns: inputs, group: group, isInt8: isInt8, on: isa)
        let values = (0..<rows).map { row in (0..<inputs).map { self.x.value(row, $0) } }
        let packed = (0..<outputs).map { n in (0..<inputs).map { self.matrix.weight(n, $0, isInt8: isInt8) } }
        for row in values {
            for (n, column) in packed.enumerated() {
                var sum = Double(self.bias[n]), magnitude = abs(sum)
                for k in 0..<inputs {
                    sum += row[k] * column[k]
                    magnitude += abs(row[k] * column[k])
                }
                self.expected.append(sum)
                self.magnitudes.append(magnitude)
            }
        }
    }

    func run(on isa: cprs_isa) -> [Float] {
        var out = [Float](repeating: .nan, count: self.x.rows * self.outputs)
        multiply(self.x, self.matrix, on: isa, bias: self.bias, into: &out, width: self.outputs)
        return out
    }
}
