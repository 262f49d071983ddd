internal import CPRSCore
internal import CPRSEngine
internal import CPRSModel
internal import CPRSRuntime
internal import CPRSTensors
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import Glibc
internal import Testing

/// Packs the model folder of the fixtures.
private func packDefault(_ folder: TemporaryFolder, _ precision: Precision, group: Int = 0) throws -> String {
    let path = "\(folder.path)/\(precision.rawValue)-\(group).cprs"
    _ = try ModelPacker.pack(
        folder: SharedData.modelFolder, packing: Packing(precision, group: group), to: path,
        replaces: false, pool: ComputePool(threads: 2))
    return path
}

@Suite("packed model files")
struct PackingTests {
    @Test(
        "every matrix of a packed file has the bytes that packing in memory gives", arguments: [Precision.int8, .bf16])
    func roundTrip(precision: Precision) throws {
        let folder = TemporaryFolder()
        let group = precision == .int8 ? 16 : 0
        let opened = try PackedModel(path: packDefault(folder, precision, group: group))
        let checkpoint = try Checkpoint(folder: SharedData.modelFolder)
        let packed = try PackedWeights(
            packing: checkpoint.tensors, config: opened.config, as: Packing(precision, group: group),
            pool: ComputePool(threads: 1))
        #expect(opened.weights.layers.count == packed.layers.count)
        for (found, expected) in zip(opened.weights.layers, packed.layers) {
            for matrix in [\PackedWeights.Layer.qkv, \.attentionOutput, \.gateUp, \.down] {
                #expect(found[keyPath: matrix].layout == expected[keyPath: matrix].layout)
                #expect(found[keyPath: matrix].bytes.elementsEqual(expected[keyPath: matrix].bytes))
            }
            for vector in [\PackedWeights.Layer.attentionNorm, \.qkvBias, \.feedForwardNorm] {
                #expect(found[keyPath: vector].matrix.elements() == expected[keyPath: vector].matrix.elements())
            }
        }
        #expect(opened.weights.finalNorm.matrix.elements() == packed.finalNorm.matrix.elements())
        #expect(opened.weights.labelHead.matrix.elements() == packed.labelHead.matrix.elements())
        #expect(opened.weights.labelBias.matrix.elements() == packed.labelBias.matrix.elements())
    }

    @Test("the same model packed twice gives the same file, and its hashes hold")
    func deterministic() throws {
        let (one, two) = (TemporaryFolder(), TemporaryFolder())
        let (first, second) = (try packDefault(one, .int8), try packDefault(two, .int8))
        #expect(try MappedFile.read(path: first, limit: 1 << 28) == MappedFile.read(path: second, limit: 1 << 28))
        try PackedModel(path: first).verify()
    }

    @Test("tensors start at multiples of 64 bytes, the data at a page, and no byte belongs to no tensor")
    func places() throws {
        let folder = TemporaryFolder()
        let file = try SafetensorsFile(path: packDefault(folder, .int8), acceptsBytes: true)
        #expect(file.dataStart % 4096 == 0)
        var end = file.dataStart
        for tensor in file.stored {
            #expect(tensor.offset == end)
            if !tensor.name.hasPrefix("padding.") { #expect(tensor.offset % 64 == 0) }
            end += tensor.bytes.count
        }
        #expect(end == file.fileBytes)
    }

    @Test("an opened file has the folder's tokens and presets, and names what it carries")
    func contents() throws {
        let folder = TemporaryFolder()
        let packed = try ModelSource(path: packDefault(folder, .int8))
        let text = Array("The photograph, naïve café 夏洛克 🕵️\n".utf8)
        let expected = try Tokenizer(folder: SharedData.modelFolder).encode(text, specialTokens: .text)
        #expect(try packed.tokenizer().encode(text, specialTokens: .text).map(\.id) == expected.map(\.id))
        let trained = try Qwen2Config(folder: SharedData.modelFolder) { _ in nil }.trainedInstruction
        #expect(try LoadedModel.presets(of: packed) == Preset.all.map { $0.resolved(trained: trained) })
        for name in ["config.json", "MODEL_CARD.md"] {
            let bytes = try MappedFile.read(path: SharedData.modelFolder + "/" + name, limit: 1 << 20)
            #expect(try packed.file(name) == bytes)
        }
        #expect(try packed.file("none") == nil)
    }

    @Test("what a killed run left is overwritten, and two runs do not write one file")
    func partial() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/x.cprs"
        folder.write([UInt8](repeating: 7, count: 100_000_000), to: "x.cprs.partial")
        func writer() throws -> SafetensorsWriter {
            try SafetensorsWriter(path: path, replaces: false, tensors: [], metadata: [:])
        }
        let first = try writer()
        let error = try #require(throws: CPRSError.self) { try writer() }
        #expect(error.code == .notWritten && error.message.contains("x.cprs.partial is being written"))
        _ = try first.finish()
        #expect(try SafetensorsFile(path: path).fileBytes == 4096)
        #expect(try FolderNames.of(folder.path) == ["x.cprs"])
    }

    @Test("an existing file is not replaced unless that is asked for")
    func existing() throws {
        let folder = TemporaryFolder()
        let path = folder.write("mine", to: "x.cprs")
        let error = try #require(throws: CPRSError.self) {
            try ModelPacker.pack(
                folder: SharedData.modelFolder, packing: Packing(.int8), to: path,
                replaces: false, pool: ComputePool(threads: 1))
        }
        #expect(error.message.contains("exists"))
        #expect(try MappedFile.read(path: path, limit: 10) == Array("mine".utf8))
    }

    @Test("a damaged file is refused or scores with its own bytes, and never ends the process")
    func mutations() throws {
        let folder = TemporaryFolder()
        let bytes = try MappedFile.read(path: packDefault(folder, .int8), limit: 1 << 28)
        let dataStart = try SafetensorsFile(path: folder.path + "/int8-0.cprs", acceptsBytes: true).dataStart
        var generator = SeededGenerator(seed: 7)
        for round in 0..<60 {
            var damaged = bytes
            let place = Int.random(in: 0..<dataStart, using: &generator)
            damaged[place] ^= UInt8.random(in: 1...255, using: &generator)
            let path = folder.write(damaged, to: "damaged.cprs")
            // The header ends in spaces; elsewhere a flip is found by the reader or by the digest.
            let isPadding = bytes[place] == UInt8(ascii: " ") && place > dataStart - 4096
            let outcome = Result { try PackedModel(path: path) }
            if case .success = outcome { #expect(isPadding, "round \(round), byte \(place)") }
        }
        for length in [0, 7, 8, 100, dataStart - 1, dataStart, dataStart + 1, bytes.count - 1] {
            let path = folder.write(Array(bytes[..<length]), to: "cut.cprs")
            #expect(throws: CPRSError.self, "\(length) bytes") { try PackedModel(path: path) }
        }
    }

    @Test("a flipped byte of a matrix opens, and verifying names the tensor")
    func flippedMatrix() throws {
        let folder = TemporaryFolder()
        let path = try packDefault(folder, .int8)
        let file = try SafetensorsFile(path: path, acceptsBytes: true)
        let tensor = try #require(file.stored.first { $0.name == "layers.3.down" })
        var bytes = try MappedFile.read(path: path, limit: 1 << 28)
        bytes[tensor.offset + 100] ^= 1
        let opened = try PackedModel(path: folder.write(bytes, to: "flipped.cprs"))
        let error = try #require(throws: CPRSError.self) { try opened.verify() }
        #expect(error.message.contains("layers.3.down is damaged"))
    }

    /// A copy of the model folder.
    private func copyFolder() throws -> TemporaryFolder {
        let folder = TemporaryFolder()
        for name in ["config.json", "tokenizer.json", "model.safetensors"] {
            folder.write(try MappedFile.read(path: SharedData.modelFolder + "/" + name, limit: 1 << 28), to: name)
        }
        return folder
    }

    @Test("a weight that is not finite is refused by name and index, and leaves no file")
    func notFinite() throws {
        let folder = try copyFolder()
        let path = folder.path + "/model.safetensors"
        let stored = try SafetensorsFile(path: path).stored
        let tensor = try #require(stored.first { $0.name == "model.layers.2.mlp.up_proj.weight" })
        let width = try #require(tensor.type).bytes
        var bytes = try MappedFile.read(path: path, limit: 1 << 28)
        for byte in 0..<width { bytes[tensor.offset + 777 * width + byte] = 0xFF }
        folder.write(bytes, to: "model.safetensors")
        let target = folder.path + "/x.cprs"
        let error = try #require(throws: CPRSError.self) {
            try ModelPacker.pack(
                folder: folder.path, packing: Packing(.int8), to: target, replaces: false,
                pool: ComputePool(threads: 2))
        }
        #expect(error.message.contains("model.layers.2.mlp.up_proj.weight: element 777 is -nan"), "\(error.message)")
        #expect(try FolderNames.of(folder.path) == ["config.json", "model.safetensors", "tokenizer.json"])
    }

    @Test("a weight that is not finite is refused in memory too")
    func notFiniteInMemory() throws {
        let folder = try copyFolder()
        let path = folder.path + "/model.safetensors"
        let tensor = try #require(
            try SafetensorsFile(path: path).stored.first { $0.name == "model.layers.1.self_attn.q_proj.bias" })
        var bytes = try MappedFile.read(path: path, limit: 1 << 28)
        for byte in 0..<2 { bytes[tensor.offset + 2 * 5 + byte] = 0xFF }
        folder.write(bytes, to: "model.safetensors")
        let error = try #require(throws: CPRSError.self) {
            try Qwen2Critic(folder: folder.path, threads: 1, packing: Packing(.int8))
        }
        #expect(error.message.contains("model.layers.1.self_attn.q_proj.bias: element 5 is -nan"), "\(error.message)")
    }

    @Test(
        "matrices that the caller or the config names are bf16 in an int8 file, and a name without a matrix is refused")
    func heldInBF16() throws {
        let folder = try copyFolder()
        let json = String(
            decoding: try MappedFile.read(path: folder.path + "/config.json", limit: 1 << 20), as: UTF8.self)
        folder.write(
            json.replacing("{\n", with: "{\n\"cprs_bf16\": [\"layers.1\"],\n", maxReplacements: 1), to: "config.json")
        func pack(_ names: [String]) throws -> [String] {
            let path = folder.path + "/x.cprs"
            _ = try ModelPacker.pack(
                folder: folder.path, packing: Packing(.int8, bf16: names), to: path, replaces: true,
                pool: ComputePool(threads: 1))
            let packing = try PackedModel(path: path).packing
            #expect(packing.count == 16)
            return packing.filter { $0.value.precision == .bf16 }.keys.sorted()
        }
        let layer = ["layers.1.attention_output", "layers.1.down", "layers.1.gate_up", "layers.1.qkv"]
        #expect(try pack([]) == layer)
        #expect(try pack(["layers.3.qkv"]) == layer + ["layers.3.qkv"])
        let downs = (0..<4).map { "layers.\($0).down" }
        #expect(try Set(pack(["down"])) == Set(layer + downs))
        for name in ["layers.4", "own", "layers.1."] {
            let error = try #require(throws: CPRSError.self) { try pack([name]) }
            #expect(error.code == .invalidArgument && error.message.contains("no matrix is called \(name);"))
        }
    }

    @Test("tensors of a further cprs_ file are the same read from the folder and from the packed file")
    func extras() throws {
        let folder = try copyFolder()
        let plans = [
            TensorPlan(name: "keys", type: nil, shape: [3, 7]), TensorPlan(name: "a \"b\"/c", type: .f32, shape: [2]),
        ]
        let writer = try SafetensorsWriter(
            path: folder.path + "/cprs_words.safetensors", replaces: false, tensors: plans, metadata: [:])
        try writer.append((0..<21).map { UInt8($0) }, to: "keys")
        try writer.append([1, 2, 3, 4, 5, 6, 7, 8], to: plans[1].name)
        _ = try writer.finish()
        let target = folder.path + "/x.cprs"
        _ = try ModelPacker.pack(
            folder: folder.path, packing: Packing(.bf16), to: target, replaces: false,
            pool: ComputePool(threads: 2))
        for path in [folder.path, target] {
            let extras = try ModelSource(path: path).extraTensors("cprs_words")
            for plan in plans {
                let tensor = try #require(extras[plan.name], "\(path)")
                #expect(tensor.shape == plan.shape && tensor.type == plan.type)
            }
            #expect(try #require(extras["keys"]).copy() == (0..<21).map { UInt8($0) })
            #expect(try ModelSource(path: path).extraTensors("cprs_other").isEmpty)
        }
    }

    @Test("a file of a later version and a plain checkpoint are refused with what to do")
    func otherFormats() throws {
        let folder = TemporaryFolder()
        for (metadata, words) in [
            (["format": "cprs packed model", "version": "2"], "update it"),
            (["format": "cprs packed model", "version": "x"], "version must be a whole number"),
            (["format": "pt"], "not a packed model"),
        ] {
            let path = folder.path + "/\(words.prefix(3)).cprs"
            _ = try SafetensorsWriter(path: path, replaces: false, tensors: [], metadata: metadata).finish()
            let error = try #require(throws: CPRSError.self) { try PackedModel(path: path) }
            #expect(error.message.contains(words), "\(error.message)")
        }
    }
}

/// Names of the files in a folder.
private enum FolderNames {
    static func of(_ path: String) throws -> [String] {
        let folder = try #require(opendir(path))
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
