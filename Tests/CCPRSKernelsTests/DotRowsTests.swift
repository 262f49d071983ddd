internal import CCPRSKernels
internal import CPRSTestSupport
internal import Testing

@Suite("Dot products of the heads")
struct DotRowsTests {
    @Test(
        "each is the double-precision sum, the same bits on every instruction set, alone or among other rows",
        arguments: [1, 15, 16, 17, 63, 64, 65, 130, 896])
    func sums(columns: Int) {
        var generator = SeededGenerator(seed: UInt64(columns))
        func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1...1, using: &generator) } }
        let (rows, outputs) = (5, 3)
        let (x, w, bias) = (floats(rows * columns), floats(outputs * columns), floats(outputs))
        func run(_ isa: cprs_isa, _ row: Int, _ count: Int) -> [Float] {
            var out = [Float](repeating: .nan, count: count * outputs)
            x.withUnsafeBufferPointer { x in
                cprs_dot_rows_f32(
                    isa, x.baseAddress! + row * columns, columns, count, w, columns, outputs, columns, bias, &out,
                    outputs)
            }
            return out
        }
        let portable = run(CPRS_ISA_PORTABLE, 0, rows)
        for row in 0..<rows {
            for output in 0..<outputs {
                let exact = (0..<columns).reduce(Double(bias[output])) {
                    $0 + Double(x[row * columns + $1]) * Double(w[output * columns + $1])
                }
                #expect(abs(Double(portable[row * outputs + output]) - exact) <= 2e-6 * Double(columns).squareRoot())
            }
        }
        for number in 0..<CPRS_ISA_COUNT {
            let isa = cprs_isa(rawValue: UInt32(number))
            #expect(run(isa, 0, rows) == portable)
            #expect((0..<rows).flatMap { run(isa, $0, 1) } == portable)
        }
    }
}
