internal import CPRSCore
internal import CPRSTensors
internal import CPRSTestSupport
internal import Testing

@Suite("weights and products")
struct WeightMatrixTests {
    /// Products of up to 2100 terms of size about 1, in float32.
    static let tolerance: Float = 2e-3

    private static func header(_ type: String, rows: Int, columns: Int, bytes: Int) -> String {
        #"{"w":{"dtype":"\#(type)","shape":[\#(rows),\#(columns)],"data_offsets":[0,\#(bytes)]}}"#
    }

    /// Values that all three types hold exactly: eighths from -4 to 4.
    private static func values(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Float(Int.random(in: -32...32, using: &generator)) / 8 }
    }

    private static func encode(_ value: Float, _ type: ElementType) -> [UInt8] {
        switch type {
        case .f32: withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
        case .bf16: withUnsafeBytes(of: UInt16(value.bitPattern >> 16).littleEndian) { Array($0) }
        case .f16:
            withUnsafeBytes(of: Self.binary16(value).littleEndian) { Array($0) }
        }
    }

    /// For values that binary16 holds exactly and that are 0 or at least 2^-14 in size.
    private static func binary16(_ value: Float) -> UInt16 {
        if value == 0 { return 0 }
        let exponent = UInt16(Int(value.exponent) + 15)
        return (value < 0 ? 0x8000 : 0) | exponent << 10 | UInt16(value.significandBitPattern >> 13)
    }

    @Test(
        "a product with a stored weight is the sum of products, for every type, alignment and depth",
        arguments: ElementType.allCases, [5, 1023, 1024, 1025, 2100])
    func product(type: ElementType, depth: Int) throws {
        for padding in 0..<4 { try self.product(type: type, padding: padding, depth: depth) }
    }

    private func product(type: ElementType, padding: Int, depth: Int) throws {
        let (rows, outputs) = (3, 7)
        let stored = Self.values(outputs * depth, seed: 1)
        let bytes = stored.flatMap { Self.encode($0, type) }
        var header = Self.header(type.rawValue, rows: outputs, columns: depth, bytes: bytes.count)
        // Bring the data to an address that is `padding` more than a multiple of 4.
        while (8 + header.utf8.count) % 4 != padding { header += " " }
        let folder = TemporaryFolder()
        let path = folder.write(Array(safetensors(header, dataBytes: 0)) + bytes, to: "w.safetensors")
        let tensor = try #require(try SafetensorsFile(path: path).tensors.first)
        let weight = try WeightMatrix(tensor)
        #expect(weight.copiedBytes == (type == .f32 && padding != 0 ? bytes.count : 0))

        let x = Self.values(rows * depth, seed: 2)
        let input = try MatrixStorage(rows: rows, columns: depth, purpose: "x")
        input.matrix.fill(from: x)
        let out = try MatrixStorage(rows: rows, columns: 4, purpose: "out")
        out.matrix.fill(with: 1)
        let panel = try MatrixStorage(rows: 4, columns: Kernels.panelDepth, purpose: "panel")
        for accumulate in [false, true] {
            Kernels.multiply(
                input.matrix, by: weight, outputs: 2..<6, into: out.matrix, accumulate: accumulate, panel: panel.matrix)
            for row in 0..<rows {
                for output in 0..<4 {
                    let sum = (0..<depth).reduce(0.0) {
                        $0 + Double(x[row * depth + $1]) * Double(stored[(output + 2) * depth + $1])
                    }
                    let expected = Float(accumulate ? 2 * sum : sum)
                    let got = out.matrix[row, output]
                    #expect(
                        abs(got - expected) <= Self.tolerance, "(\(row), \(output)): got \(got), expected \(expected)")
                }
            }
        }
    }

    @Test("memory that cannot be had is an error, not a crash")
    func noMemory() throws {
        let error = try #require(throws: CPRSError.self) {
            try MatrixStorage(rows: 1 << 24, columns: 1 << 24, purpose: "a test")
        }
        #expect(error.code == .invalidArgument && error.message.contains("a test"))
        #expect(throws: CPRSError.self) { try MatrixStorage(rows: .max, columns: 2, purpose: "a test") }
    }
}
