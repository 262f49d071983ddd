internal import CCPRSKernels
internal import CPRSTestSupport
internal import Testing

@Suite("Packed weights")
struct PackTests {
    @Test("hold every bf16 weight at its documented place and zeros elsewhere", arguments: [false, true])
    func bf16Layout(gated: Bool) {
        let (outputs, inputs) = (70, 19)
        var generator = SeededGenerator(seed: 1)
        let weights = generator.floats(outputs * inputs * (gated ? 2 : 1))
        let matrix = PackedMatrix.bf16(weights, outputs: outputs, inputs: inputs, gated: gated)
        #expect(matrix.paddedInputs == 32)
        #expect(matrix.panels == (gated ? 3 : 2))
        #expect(matrix.panelBytes % 64 == 0)
        for up in gated ? [false, true] : [false] {
            for output in 0..<outputs {
                for input in 0..<inputs {
                    let weight = weights[((up ? outputs : 0) + output) * inputs + input]
                    #expect(matrix.bf16Weight(output, input, up: up) == bf16(weight))
                }
            }
        }
        let nonzero = (0..<matrix.memory.count / 2).count { matrix.memory.load($0, as: UInt16.self) != 0 }
        #expect(nonzero == weights.count { bf16($0) != 0 })
    }

    @Test("hold int8 weights within half a step, with the scales and offsets of their groups", arguments: [0, 16, 48])
    func int8Layout(group: Int) {
        let (outputs, inputs) = (67, 100)
        var generator = SeededGenerator(seed: 2)
        let weights = generator.floats(outputs * inputs)
        let matrix = PackedMatrix.int8(weights, outputs: outputs, inputs: inputs, group: group)
        let length = group == 0 ? inputs : group
        #expect(matrix.groups == (inputs + length - 1) / length)
        for output in 0..<outputs {
            for index in 0..<matrix.groups {
                let members = index * length..<min((index + 1) * length, inputs)
                let scale = matrix.int8Scale(output, group: index)
                #expect(scale == members.map { abs(weights[output * inputs + $0]) }.max()! / 127)
                var sum: Int32 = 0
                for input in members {
                    let packed = matrix.int8Weight(output, input)
                    sum += Int32(packed)
                    #expect(packed > -128)
                    let error = abs(weights[output * inputs + input] - scale * Float(packed))
                    #expect(error <= scale * 0.50001, "output \(output), input \(input)")
                }
                #expect(matrix.int8Offset(output, group: index) == -128 * sum)
            }
        }
    }

    @Test("are the same from f32, bf16 and f16 sources at any byte, for values that all three hold")
    func sources() {
        let (outputs, inputs) = (3, 37)
        // Halves: exact in all three formats, also the smallest normal and a denormal of f16.
        var weights: [Float] = (0..<outputs * inputs).map { Float($0 % 17 - 8) / 2 }
        weights.replaceSubrange(5..<8, with: [0x1p-14, 0x1p-24, -0x1.8p-20])
        let wanted = PackedMatrix.bf16(weights, outputs: outputs, inputs: inputs)
        let wantedInt8 = PackedMatrix.int8(weights, outputs: outputs, inputs: inputs)
        let halves: [(cprs_dtype, [UInt16])] = [
            (CPRS_BF16, weights.map { bf16($0) }), (CPRS_F16, weights.map { Float16($0).bitPattern }),
        ]
        for (dtype, bits) in halves {
            let odd = AlignedMemory(bytes: 2 * bits.count + 1)
            bits.withUnsafeBytes { (odd.start + 1).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
            let packed = AlignedMemory(bytes: wanted.memory.count)
            cprs_pack_bf16(odd.start + 1, dtype, inputs, outputs, wanted.shape, CPRS_PART_PLAIN, 0, packed.start)
            #expect(Self.bytes(packed) == Self.bytes(wanted.memory))
            let packedInt8 = AlignedMemory(bytes: wantedInt8.memory.count)
            cprs_pack_int8(
                odd.start + 1, dtype, inputs, outputs, wantedInt8.shape, CPRS_PART_PLAIN, 0, packedInt8.start)
            #expect(Self.bytes(packedInt8) == Self.bytes(wantedInt8.memory))
        }
    }

    @Test("have the bytes that files already hold")
    func formatIsStable() {
        // A change here makes every packed file unreadable: raise the file's version with it.
        var generator = SeededGenerator(seed: 3)
        let weights = generator.floats(70 * 150)
        let plain = PackedMatrix.bf16(weights, outputs: 70, inputs: 150)
        let int8 = PackedMatrix.int8(weights, outputs: 70, inputs: 150)
        let grouped = PackedMatrix.int8(weights, outputs: 35, inputs: 150, group: 128, gated: true)
        #expect(Self.fingerprint(plain.memory) == 15_122_090_638_419_730_391)
        #expect(Self.fingerprint(int8.memory) == 128_318_743_947_408_155)
        #expect(Self.fingerprint(grouped.memory) == 2_381_610_477_785_058_383)
    }

    private static func bytes(_ memory: AlignedMemory) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: memory.start, count: memory.count))
    }

    /// FNV-1a, 64 bits, by Fowler, Noll and Vo.
    private static func fingerprint(_ memory: AlignedMemory) -> UInt64 {
        Self.bytes(memory).reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
