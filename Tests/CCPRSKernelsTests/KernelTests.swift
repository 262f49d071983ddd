internal import CCPRSKernels
internal import CPRSTestSupport
internal import Glibc
internal import Testing

/// Every variant that this machine runs, against formulas in double precision and against the plain reference.
@Suite("kernels")
struct KernelTests {
    /// A multiply and an add per element round differently with fused instructions; sums grow with the length.
    static let arithmeticTolerance = 2e-6
    /// exp's argument is rounded once before the power is taken.
    static let exponentialTolerance = 4e-6

    /// Around each vector width and block edge.
    static let sizes = [1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 64, 67, 130]

    @Test("RMS normalisation divides each row by its root mean square", arguments: InstructionSet.available, sizes)
    func rmsNorm(set: InstructionSet, columns: Int) {
        let rows = 3
        let stride = columns + 5
        let x = random(rows * stride, seed: 1)
        let weight = random(columns, seed: 2)
        var out = [Float](repeating: 7, count: rows * stride)
        cprs_rms_norm_f32(set.isa, x, stride, weight, &out, stride, rows, columns, 1e-5)
        var expected = [Double](repeating: 7, count: out.count)
        for row in 0..<rows {
            let values = x[row * stride..<row * stride + columns].map(Double.init)
            let scale = 1 / (values.reduce(0) { $0 + $1 * $1 } / Double(columns) + 1e-5).squareRoot()
            for column in 0..<columns {
                expected[row * stride + column] = values[column] * scale * Double(weight[column])
            }
        }
        expectRelative(out, expected, tolerance: Self.arithmeticTolerance)
    }

    @Test(
        "rotary embedding turns each pair by its angle and leaves the gap between rows alone",
        arguments: InstructionSet.available,
        sizes)
    func rope(set: InstructionSet, half: Int) {
        let (rows, heads, width) = (3, 2, 2 * half)
        let stride = heads * width + 3
        let x = random(rows * stride, seed: 3)
        let angles = random(rows * half, seed: 4).map { Double($0) * 3 }
        var out = x
        cprs_rope_f32(
            set.isa, &out, stride, angles.map { Float(cos($0)) }, angles.map { Float(sin($0)) }, rows, heads, width)
        var expected = x.map(Double.init)
        for row in 0..<rows {
            for head in 0..<heads {
                for pair in 0..<half {
                    let first = row * stride + head * width + pair
                    let (a, b) = (Double(x[first]), Double(x[first + half]))
                    let (c, s) = (
                        Double(Float(cos(angles[row * half + pair]))), Double(Float(sin(angles[row * half + pair])))
                    )
                    expected[first] = a * c - b * s
                    expected[first + half] = a * s + b * c
                }
            }
        }
        // Differences of near-equal products: absolute, against values of about 1.
        expectAbsolute(out, expected, tolerance: Self.arithmeticTolerance)
    }

    @Test(
        "the gated activation is silu(gate) times up, also in place and far from 0",
        arguments: InstructionSet.available, sizes)
    func siluMultiply(set: InstructionSet, columns: Int) {
        let rows = 2
        let stride = columns + 1
        let gate = random(rows * stride, seed: 5).map { $0 * 40 }
        let up = random(rows * stride, seed: 6)
        var out = gate
        out.withUnsafeMutableBufferPointer {
            cprs_silu_mul_f32(set.isa, $0.baseAddress, stride, up, stride, $0.baseAddress, stride, rows, columns)
        }
        var expected = gate.map(Double.init)
        for row in 0..<rows {
            for index in row * stride..<row * stride + columns {
                expected[index] = Double(gate[index]) / (1 + exp(-Double(gate[index]))) * Double(up[index])
            }
        }
        expectRelative(out, expected, tolerance: Self.exponentialTolerance)
    }

    @Test(
        "the gated activation of extreme gates is 0 or the gate itself, and NaN stays NaN",
        arguments: InstructionSet.available)
    func siluExtremes(set: InstructionSet) {
        let gate: [Float] = [-1e30, -200, 200, 1e30, .nan, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        var out = [Float](repeating: 9, count: 16)
        cprs_silu_mul_f32(set.isa, gate, 16, [Float](repeating: 1, count: 16), 16, &out, 16, 1, 16)
        #expect(abs(out[0]) < 1e-6 && abs(out[1]) < 1e-6)
        #expect(out[2] == 200 && out[3] == 1e30)
        #expect(out[4].isNaN)
        #expect(out[5...].allSatisfy { $0 == 0 })
    }

    @Test(
        "an online softmax over blocks of keys is the softmax over all of them", arguments: InstructionSet.available,
        [1, 5, 16, 33, 100])
    func softmaxBlocks(set: InstructionSet, block: Int) {
        let (rows, keys, width) = (5, 100, 19)
        // Rows see 60, 61, … keys: the last block is partly masked, and with small blocks some are wholly so.
        let firstVisible = 60
        let scores = random(rows * keys, seed: 7).map { $0 * 12 }
        let values = random(keys * width, seed: 8)
        var maximum = [Float](repeating: -.infinity, count: rows)
        var sum = [Float](repeating: 0, count: rows)
        var accumulated = [Float](repeating: 0, count: rows * width)
        for start in Swift.stride(from: 0, to: keys, by: block) {
            let count = min(block, keys - start)
            var tile = (0..<rows * count).map { scores[$0 / count * keys + start + $0 % count] }
            cprs_softmax_block_f32(
                set.isa, &tile, count, rows, count, firstVisible - start, 1, &maximum, &sum, &accumulated, width,
                width)
            if start >= firstVisible + rows { #expect(tile.allSatisfy { $0 == 0 }) }
            for row in 0..<rows {
                for key in 0..<count {
                    for i in 0..<width {
                        accumulated[row * width + i] += tile[row * count + key] * values[(start + key) * width + i]
                    }
                }
            }
        }
        var expected: [Double] = []
        for row in 0..<rows {
            let seen = 0..<firstVisible + row
            let weights = seen.map { exp2(Double(scores[row * keys + $0])) }
            let total = weights.reduce(0, +)
            for i in 0..<width {
                let products = zip(seen, weights).map { $1 * Double(values[$0 * width + i]) }
                expected.append(products.reduce(0, +) / total)
            }
        }
        let got = (0..<rows * width).map { accumulated[$0] / sum[$0 / width] }
        expectAbsolute(got, expected, tolerance: Self.exponentialTolerance)
    }

    @Test("softmax weights are exact powers of two to 2^-22 from 0 down to 2^-126", arguments: InstructionSet.available)
    func exponentialBound(set: InstructionSet) {
        let count = 126 * 64
        var scores = (0..<count).map { -Float($0) / 64 }
        let exact = scores.map { exp2(Double($0)) }
        var maximum: [Float] = [0]
        var sum: [Float] = [0]
        var accumulated: [Float] = [0]
        cprs_softmax_block_f32(set.isa, &scores, count, 1, count, count, 0, &maximum, &sum, &accumulated, 1, 1)
        expectRelative(scores, exact, tolerance: exp2(-22))
    }

    @Test("a NaN score makes the row's sum NaN", arguments: InstructionSet.available)
    func softmaxNaN(set: InstructionSet) {
        var scores = [Float](repeating: 0.5, count: 40)
        scores[37] = .nan
        var maximum: [Float] = [-.infinity]
        var sum: [Float] = [0]
        var accumulated: [Float] = [0]
        cprs_softmax_block_f32(set.isa, &scores, 40, 1, 40, 40, 0, &maximum, &sum, &accumulated, 1, 1)
        #expect(sum[0].isNaN)
    }

    @Test("bias and row scaling give the reference's bits", arguments: InstructionSet.available, sizes)
    func exactElementwise(set: InstructionSet, columns: Int) {
        let (rows, stride) = (3, columns + 2)
        let x = random(rows * stride, seed: 9)
        let bias = random(columns, seed: 10)
        var biased = x
        cprs_add_bias_f32(set.isa, &biased, stride, bias, rows, columns)
        var scaled = x
        cprs_scale_rows_f32(set.isa, x, stride, [0.5, -3.1, 0], 1, &scaled, stride, rows, columns)
        for index in x.indices {
            let (row, column) = (index / stride, index % stride)
            let inside = column < columns
            #expect(biased[index] == (inside ? x[index] + bias[column] : x[index]))
            #expect(scaled[index] == (inside ? x[index] * ([0.5, -3.1, 0] as [Float])[row] : x[index]))
        }
    }

    @Test(
        "every one of the 65536 bfloat16 and binary16 values is widened exactly, at any alignment",
        arguments: InstructionSet.available,
        [0, 1])
    func widen(set: InstructionSet, misalignment: Int) {
        // 65536 values and one more, so that the last vector is partial.
        let halves = (0..<65537).map { UInt16(truncatingIfNeeded: $0) }
        var bytes = [UInt8](repeating: 0, count: misalignment)
        for half in halves { bytes += [UInt8(half & 0xFF), UInt8(half >> 8)] }
        var bfloats = [Float](repeating: 0, count: halves.count)
        var floats = bfloats
        bytes.withUnsafeBytes { raw in
            let start = raw.baseAddress! + misalignment
            cprs_widen_bf16_f32(set.isa, start, halves.count, &bfloats, halves.count, 1, halves.count)
            cprs_widen_f16_f32(set.isa, start, halves.count, &floats, halves.count, 1, halves.count)
        }
        for (index, half) in halves.enumerated() {
            let bfloat = Float(bitPattern: UInt32(half) << 16)
            let float = Self.binary16(half)
            #expect(bfloats[index].bitPattern == bfloat.bitPattern || (bfloat.isNaN && bfloats[index].isNaN))
            #expect(floats[index].bitPattern == float.bitPattern || (float.isNaN && floats[index].isNaN))
        }
    }

    /// IEEE 754 by its definition: (-1)^s · 2^(e - 15) · 1.m, subnormals, infinities, NaN.
    private static func binary16(_ half: UInt16) -> Float {
        let sign: Double = half & 0x8000 == 0 ? 1 : -1
        let exponent = Int(half >> 10 & 0x1F)
        let fraction = Double(half & 0x3FF) / 1024
        switch exponent {
        case 0: return Float(sign * fraction * exp2(-14))
        case 31: return fraction == 0 ? Float(sign * .infinity) : .nan
        default: return Float(sign * (1 + fraction) * exp2(Double(exponent - 15)))
        }
    }

    @Test("random values depend on seed and index only and fill their range")
    func randomValues() {
        var whole = [Float](repeating: 0, count: 10_000)
        cprs_random_f32(&whole, 10_000, 42, 0, 0.5)
        var part = [Float](repeating: 0, count: 100)
        cprs_random_f32(&part, 100, 42, 300, 0.5)
        #expect(Array(whole[300..<400]) == part)
        #expect(whole.allSatisfy { $0 >= -0.5 && $0 < 0.5 })
        #expect(abs(whole.reduce(0, +) / 10_000) < 0.02 && whole.max()! > 0.49 && whole.min()! < -0.49)
    }
}

/// Uniform values in -1...1.
private func random(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
}

private func expectRelative(
    _ got: [Float], _ expected: [Double], tolerance: Double, sourceLocation: SourceLocation = #_sourceLocation
) {
    expectWorst(got, expected, tolerance, sourceLocation) { abs($0 - $1) / max(abs($1), 1e-30) }
}

private func expectAbsolute(
    _ got: [Float], _ expected: [Double], tolerance: Double, sourceLocation: SourceLocation = #_sourceLocation
) {
    expectWorst(got, expected, tolerance, sourceLocation) { abs($0 - $1) }
}

/// Expects the largest error to be within the tolerance and shows the element that has it.
private func expectWorst(
    _ got: [Float], _ expected: [Double], _ tolerance: Double, _ sourceLocation: SourceLocation,
    error: (Double, Double) -> Double
) {
    #expect(got.count == expected.count, sourceLocation: sourceLocation)
    let errors = zip(got, expected).map { pair in
        let value = error(Double(pair.0), pair.1)
        return value.isNaN ? .infinity : value
    }
    guard let worst = errors.indices.max(by: { errors[$0] < errors[$1] }) else { return }
    #expect(
        errors[worst] <= tolerance, "worst element \(worst): got \(got[worst]), expected \(expected[worst])",
        sourceLocation: sourceLocation)
}
