internal import CCPRSKernels

/// A weight matrix and its packed form.
struct PackedMatrix {
    let shape: cprs_packed_shape
    let memory: AlignedMemory
    let panelBytes: Int

    var panels: Int { cprs_packed_panels(self.shape) }
    var paddedInputs: Int { cprs_packed_inputs(self.shape.inputs) }
    var groups: Int { cprs_packed_groups(self.shape) }

    private init(shape: cprs_packed_shape, panelBytes: Int) {
        self.shape = shape
        self.panelBytes = panelBytes
        self.memory = AlignedMemory(bytes: cprs_packed_panels(shape) * panelBytes)
    }

    /// weights: [outputs, inputs]; a gated pair has two such matrices, gate first.
    static func bf16(_ weights: [Float], outputs: Int, inputs: Int, gated: Bool = false) -> PackedMatrix {
        let shape = cprs_packed_shape(outputs: outputs, inputs: inputs, group: 0, gated: gated ? 1 : 0)
        let matrix = PackedMatrix(shape: shape, panelBytes: cprs_packed_bf16_panel_bytes(shape))
        for (part, first) in matrix.parts {
            weights.withUnsafeBufferPointer {
                cprs_pack_bf16(
                    $0.baseAddress! + first, CPRS_F32, inputs, outputs, shape, part, 0, matrix.memory.start)
            }
        }
        return matrix
    }

    static func int8(
        _ weights: [Float], outputs: Int, inputs: Int, group: Int = 0, gated: Bool = false
    ) -> PackedMatrix {
        let shape = cprs_packed_shape(outputs: outputs, inputs: inputs, group: group, gated: gated ? 1 : 0)
        let matrix = PackedMatrix(shape: shape, panelBytes: cprs_packed_int8_panel_bytes(shape))
        for (part, first) in matrix.parts {
            weights.withUnsafeBufferPointer {
                cprs_pack_int8(
                    $0.baseAddress! + first, CPRS_F32, inputs, outputs, shape, part, 0, matrix.memory.start)
            }
        }
        return matrix
    }

    private var parts: [(cprs_pack_part, Int)] {
        if self.shape.gated == 0 { return [(CPRS_PART_PLAIN, 0)] }
        return [(CPRS_PART_GATE, 0), (CPRS_PART_UP, self.shape.outputs * self.shape.inputs)]
    }

    /// Panel and column of an output, as the header documents them.
    func column(_ output: Int, up: Bool = false) -> (panel: Int, column: Int) {
        if self.shape.gated == 0 { return (output / 64, output % 64) }
        return (output / 32, output % 32 + (up ? 32 : 0))
    }

    /// The bf16 weight at an output and input, read by the documented layout.
    func bf16Weight(_ output: Int, _ input: Int, up: Bool = false) -> UInt16 {
        let (panel, column) = self.column(output, up: up)
        let pair = panel * self.panelBytes / 4 + input / 2 * 64 + column
        return self.memory.load(2 * pair + input % 2, as: UInt16.self)
    }

    func int8Weight(_ output: Int, _ input: Int, up: Bool = false) -> Int8 {
        let (panel, column) = self.column(output, up: up)
        let quad = panel * self.panelBytes / 4 + input / 4 * 64 + column
        return self.memory.load(4 * quad + input % 4, as: Int8.self)
    }

    func int8Scale(_ output: Int, group: Int, up: Bool = false) -> Float {
        let (panel, column) = self.column(output, up: up)
        let first = panel * self.panelBytes / 4 + self.paddedInputs * 16
        return self.memory.load(first + group * 64 + column, as: Float.self)
    }

    func int8Offset(_ output: Int, group: Int, up: Bool = false) -> Int32 {
        let (panel, column) = self.column(output, up: up)
        let first = panel * self.panelBytes / 4 + self.paddedInputs * 16 + self.groups * 64
        return self.memory.load(first + group * 64 + column, as: Int32.self)
    }

    /// What the packed weight stands for.
    func weight(_ output: Int, _ input: Int, up: Bool = false, isInt8: Bool) -> Double {
        guard isInt8 else { return Double(float(bf16: self.bf16Weight(output, input, up: up))) }
        let group = self.groups == 1 ? 0 : input / self.shape.group
        return Double(self.int8Weight(output, input, up: up)) * Double(self.int8Scale(output, group: group, up: up))
    }
}

/// Rows of activations as a product takes them, and what they stand for.
struct Activations {
    let rows: Int
    let stride: Int
    var bf16: [UInt16] = []
    var int8: [UInt8] = []
    var scales: [Float] = []
    let groups: Int
    let group: Int

    /// x: [rows, columns], converted on `isa`.
    init(_ x: [Float], rows: Int, columns: Int, group: Int = 0, isInt8: Bool, on isa: cprs_isa) {
        self.rows = rows
        self.stride = cprs_packed_inputs(columns)
        self.group = group
        self.groups = group == 0 ? 1 : (columns + group - 1) / group
        if isInt8 {
            self.int8 = Array(repeating: 0, count: rows * self.stride)
            self.scales = Array(repeating: 0, count: rows * self.groups)
            cprs_quantize_f32(isa, x, columns, rows, columns, group, &self.int8, self.stride, &self.scales)
        } else {
            self.bf16 = Array(repeating: 0, count: rows * self.stride)
            cprs_round_bf16(isa, x, columns, rows, columns, &self.bf16, self.stride)
        }
    }

    func value(_ row: Int, _ column: Int) -> Double {
        if self.int8.isEmpty { return Double(float(bf16: self.bf16[row * self.stride + column])) }
        let scale = self.scales[row * self.groups + (self.groups == 1 ? 0 : column / self.group)]
        return Double(scale) * (Double(self.int8[row * self.stride + column]) - 128)
    }
}

/// Runs a product over rows and panels into `out`, f32 [rows, width].
func multiply(
    _ x: Activations, _ matrix: PackedMatrix, on isa: cprs_isa, store: cprs_store = CPRS_STORE_F32,
    bias: [Float]? = nil, rows: Range<Int>? = nil, panels: Range<Int>? = nil, into out: UnsafeMutableRawPointer,
    width: Int
) {
    let rows = rows ?? 0..<x.rows, panels = panels ?? 0..<matrix.panels
    let element = store == CPRS_SWIGLU_BF16 ? 2 : 4
    let run = { (bias: UnsafePointer<Float>?) in
        let output = cprs_output(
            store: store, data: out + rows.lowerBound * width * element, stride: width, bias: bias)
        if x.int8.isEmpty {
            x.bf16.withUnsafeBufferPointer {
                cprs_gemm_bf16(
                    isa, $0.baseAddress! + rows.lowerBound * x.stride, x.stride, rows.count, matrix.memory.start,
                    matrix.shape, panels.lowerBound, panels.upperBound, output)
            }
        } else {
            x.int8.withUnsafeBufferPointer { values in
                x.scales.withUnsafeBufferPointer { scales in
                    cprs_gemm_int8(
                        isa, values.baseAddress! + rows.lowerBound * x.stride, x.stride,
                        scales.baseAddress! + rows.lowerBound * x.groups, rows.count, matrix.memory.start,
                        matrix.shape, panels.lowerBound, panels.upperBound, output)
                }
            }
        }
    }
    if let bias { bias.withUnsafeBufferPointer { run($0.baseAddress) } } else { run(nil) }
}
