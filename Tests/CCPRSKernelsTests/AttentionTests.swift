internal import CCPRSKernels
internal import CPRSTestSupport
internal import Glibc
internal import Testing

@Suite("Attention in bf16")
struct AttentionTests {
    /// Relative to the weighted sum of |v|: half a unit of bf16 for the output, and as much for the weights, whose sum
    /// is rounded with them.
    static let tolerance = 0x1p-7

    struct Shape: Sendable, CustomTestStringConvertible {
        var tokens: Int, heads: Int, kvHeads: Int, headWidth: Int, causal: Bool
        var testDescription: String {
            "T \(self.tokens) H \(self.heads)/\(self.kvHeads) HD \(self.headWidth) \(self.causal ? "causal" : "whole")"
        }
    }

    static let shapes = [
        Shape(tokens: 1, heads: 2, kvHeads: 1, headWidth: 16, causal: true),
        Shape(tokens: 100, heads: 4, kvHeads: 2, headWidth: 16, causal: true),
        Shape(tokens: 130, heads: 3, kvHeads: 1, headWidth: 32, causal: false),
        Shape(tokens: 77, heads: 2, kvHeads: 1, headWidth: 128, causal: true),
        Shape(tokens: 65, heads: 2, kvHeads: 2, headWidth: 24, causal: false),
        Shape(tokens: 330, heads: 2, kvHeads: 1, headWidth: 64, causal: true),
        Shape(tokens: 270, heads: 1, kvHeads: 1, headWidth: 64, causal: false),
        Shape(tokens: 64, heads: 7, kvHeads: 1, headWidth: 80, causal: true),
    ]

    @Test(
        "equals a double-precision softmax over the stored values, flat or peaked",
        arguments: InstructionSet.available, shapes)
    func oracle(set: InstructionSet, shape: Shape) {
        for amplitude: Float in [1, 8] {
            let window = Window(shape, seed: 1, amplitude: amplitude, on: set.isa)
            let (expected, scale) = window.expected()
            let got = window.attend(on: set.isa).map(float(bf16:))
            let worst = WorstElement(got: got, expected: expected, scale: scale)
            #expect(worst.error <= Self.tolerance, "amplitude \(amplitude): \(worst)")
        }
    }

    @Test("gives a query the same bits however queries are split into tasks", arguments: InstructionSet.available)
    func split(set: InstructionSet) {
        for causal in [true, false] {
            let shape = Shape(tokens: 320, heads: 2, kvHeads: 1, headWidth: 64, causal: causal)
            let window = Window(shape, seed: 2, amplitude: 4, on: set.isa)
            let whole = window.attend(on: set.isa)
            var tasks: [Range<Int>] = []
            while (tasks.last?.upperBound ?? 0) < 320 {
                let first = tasks.last?.upperBound ?? 0
                tasks.append(first..<min(320, first + 1 + first * 7 % 60))
            }
            #expect(window.attend(on: set.isa, tasks: tasks) == whole, "causal \(causal)")
        }
    }

    @Test("stays exact while every panel of keys raises the maximum", arguments: InstructionSet.available)
    func risingScores(set: InstructionSet) {
        let shape = Shape(tokens: 520, heads: 1, kvHeads: 1, headWidth: 16, causal: true)
        // Scores rise from -400 to 400 in units of log2: most panels pass the slack, some by more than float's range.
        let window = Window(shape, seed: 3, amplitude: 1, on: set.isa) { position, element, part in
            switch part {
            case .query: element == 0 ? 40 : 0
            case .key: element == 0 ? Float(position - 260) / 10 : 0
            case .value: nil
            }
        }
        let (expected, scale) = window.expected()
        let worst = WorstElement(got: window.attend(on: set.isa).map(float(bf16:)), expected: expected, scale: scale)
        #expect(worst.error <= Self.tolerance, "\(worst)")
    }

    @Test("of the rows after a shared prefix equals that of the whole window", arguments: InstructionSet.available)
    func prefix(set: InstructionSet) {
        let shape = Shape(tokens: 150, heads: 4, kvHeads: 2, headWidth: 32, causal: true)
        let window = Window(shape, seed: 4, amplitude: 2, on: set.isa)
        let whole = window.attend(on: set.isa)
        let prefix = 71, width = 4 * 32
        window.description.first_position = prefix
        window.description.queries += prefix * width
        let rest = window.attend(on: set.isa, rows: 150 - prefix)
        #expect(rest == Array(whole[(prefix * width)...]))
    }

    @Test("stores the same bits on every instruction set, rotated on halves", arguments: InstructionSet.available)
    func store(set: InstructionSet) {
        for shape in Self.shapes {
            let window = Window(shape, seed: 5, amplitude: 3, on: set.isa)
            let plain = Window(shape, seed: 5, amplitude: 3, on: CPRS_ISA_PORTABLE)
            let rows = shape.tokens * shape.heads * shape.headWidth
            #expect((0..<rows).allSatisfy { window.queries[$0] == plain.queries[$0] })
            for position in 0..<shape.tokens {
                for head in 0..<shape.kvHeads {
                    for element in 0..<shape.headWidth {
                        let key = window.key(head, position, element)
                        #expect(key == plain.key(head, position, element))
                        let wanted = window.rotated(position, head: shape.heads + head, element)
                        #expect(abs(Double(float(bf16: key)) - wanted) <= 0x1p-8 * abs(wanted) + 1e-5)
                        let source = window.input(position, shape.heads + shape.kvHeads + head, element)
                        #expect(window.value(head, position, element) == bf16(source))
                    }
                }
            }
        }
    }
}

/// A window with random rows of the QKV product, stored for attention.
private final class Window {
    enum Part { case query, key, value }

    let shape: AttentionTests.Shape
    let qkv: [Float]
    var description: cprs_window
    let queries: UnsafeMutablePointer<UInt16>
    private let queryMemory: AlignedMemory
    private let keys: AlignedMemory
    private let values: AlignedMemory
    private let capacity: Int

    /// `fill` may replace a random element (before rotation, which then is by angle 0).
    init(
        _ shape: AttentionTests.Shape, seed: UInt64, amplitude: Float, on isa: cprs_isa,
        fill: ((Int, Int, Part) -> Float?)? = nil
    ) {
        let (tokens, width) = (shape.tokens, shape.headWidth)
        let heads = shape.heads + 2 * shape.kvHeads
        var generator = SeededGenerator(seed: seed)
        var qkv = generator.floats(tokens * heads * width, scale: amplitude)
        for index in qkv.indices {
            let (position, head) = (index / (heads * width), index / width % heads)
            let part: Part = head < shape.heads ? .query : head < shape.heads + shape.kvHeads ? .key : .value
            if let value = fill?(position, index % width, part) { qkv[index] = value }
        }
        self.shape = shape
        self.qkv = qkv
        self.capacity = (tokens + 63) / 64 * 64 + 64
        self.keys = AlignedMemory(bytes: cprs_keys_bytes(shape.kvHeads, width, self.capacity))
        self.values = AlignedMemory(bytes: cprs_values_bytes(shape.kvHeads, width, self.capacity))
        self.queryMemory = AlignedMemory(bytes: tokens * shape.heads * width * 2)
        self.queries = self.queryMemory.start.assumingMemoryBound(to: UInt16.self)
        self.description = cprs_window(
            heads: shape.heads, kv_heads: shape.kvHeads, head_width: width, tokens: tokens, capacity: self.capacity,
            first_position: 0, causal: shape.causal ? 1 : 0, queries: self.queries, query_stride: shape.heads * width,
            keys: self.keys.start, values: self.values.start)
        let angles = (0..<tokens * (width / 2)).map { fill == nil ? Self.angle($0, half: width / 2) : 0 }
        let cosine = angles.map { Float(cos($0)) }, sine = angles.map { Float(sin($0)) }
        cprs_store_qkv_bf16(isa, qkv, heads * width, cosine, sine, 0, tokens, &self.description)
    }

    private static func angle(_ index: Int, half: Int) -> Double {
        Double(index / half) * pow(10000, -Double(index % half) / Double(half))
    }

    func input(_ position: Int, _ head: Int, _ element: Int) -> Float {
        let heads = self.shape.heads + 2 * self.shape.kvHeads
        return self.qkv[(position * heads + head) * self.shape.headWidth + element]
    }

    /// A query's or key's element after rotation, in double precision.
    func rotated(_ position: Int, head: Int, _ element: Int) -> Double {
        let half = self.shape.headWidth / 2
        let angle = Self.angle(position * half + element % half, half: half)
        let low = Double(self.input(position, head, element % half))
        let high = Double(self.input(position, head, element % half + half))
        return element < half ? low * cos(angle) - high * sin(angle) : high * cos(angle) + low * sin(angle)
    }

    /// By the documented layout.
    func key(_ head: Int, _ position: Int, _ element: Int) -> UInt16 {
        let width = cprs_packed_inputs(self.shape.headWidth)
        let panel = (head * self.capacity + position / 64 * 64) * width
        return self.keys.load(panel + (element / 2 * 64 + position % 64) * 2 + element % 2, as: UInt16.self)
    }

    func value(_ head: Int, _ position: Int, _ element: Int) -> UInt16 {
        let panels = (self.shape.headWidth + 63) / 64
        let panel = (head * panels + element / 64) * 64 * self.capacity
        return self.values.load(panel + (position / 2 * 64 + element % 64) * 2 + position % 2, as: UInt16.self)
    }

    func attend(on isa: cprs_isa, tasks: [Range<Int>]? = nil, rows: Int? = nil) -> [UInt16] {
        let width = self.shape.heads * self.shape.headWidth, rows = rows ?? self.shape.tokens
        var out = [UInt16](repeating: 0x7FC0, count: rows * width)
        let scratch = AlignedMemory(
            bytes: cprs_attention_scratch_bytes(self.shape.heads, self.shape.kvHeads, self.shape.headWidth))
        for head in 0..<self.shape.kvHeads {
            for task in tasks ?? [0..<rows] {
                cprs_attention_bf16(
                    isa, &self.description, head, task.lowerBound, task.count, &out, width, scratch.start)
            }
        }
        return out
    }

    /// softmax(q kᵀ) v of the stored values in double precision, and the same sums of |v|.
    func expected() -> (values: [Double], scale: [Double]) {
        let (heads, width) = (self.shape.heads, self.shape.headWidth)
        var result: [Double] = [], scale: [Double] = []
        for position in 0..<self.shape.tokens {
            for head in 0..<heads {
                let kvHead = head / (heads / self.shape.kvHeads)
                let visible = self.shape.causal ? position + 1 : self.shape.tokens
                let query = (0..<width).map {
                    Double(float(bf16: self.queries[(position * heads + head) * width + $0]))
                }
                let scores = (0..<visible).map { key in
                    (0..<width).reduce(0.0) { $0 + query[$1] * Double(float(bf16: self.key(kvHead, key, $1))) }
                }
                let maximum = scores.max()!
                let weights = scores.map { exp2($0 - maximum) }
                let total = weights.reduce(0, +)
                for element in 0..<width {
                    var sum = 0.0, magnitude = 0.0
                    for key in 0..<visible {
                        let value = Double(float(bf16: self.value(kvHead, key, element)))
                        sum += weights[key] / total * value
                        magnitude += weights[key] / total * abs(value)
                    }
                    result.append(sum)
                    scale.append(magnitude)
                }
            }
        }
        return (result, scale)
    }
}
