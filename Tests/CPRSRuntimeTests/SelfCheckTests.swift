internal import CPRSCore
internal import CPRSModel
internal import CPRSRuntime
internal import CPRSTensors
internal import CPRSTestSupport
internal import Testing

@Suite("self-check")
struct SelfCheckTests {
    private let folder = TemporaryFolder()

    /// A copy of the model folder of the fixtures, whose vector is changed before it is written.
    private func model(_ change: (String) -> String = { $0 }) throws -> String {
        for name in ["config.json", "tokenizer.json", "model.safetensors", "cprs_lexicon.safetensors"] {
            self.folder.write(
                try MappedFile.read(path: SharedData.modelFolder + "/" + name, limit: 1 << 28), to: name)
        }
        let vector = try MappedFile.read(path: SharedData.modelFolder + "/cprs_selfcheck.json", limit: 1 << 20)
        self.folder.write(change(String(decoding: vector, as: UTF8.self)), to: "cprs_selfcheck.json")
        return self.folder.path
    }

    private func pack(_ path: String, _ precision: Precision) throws -> String {
        let file = self.folder.path + "/\(precision.rawValue).cprs"
        _ = try ModelPacker.pack(
            folder: path, packing: Packing(precision), to: file, replaces: true, pool: ComputePool(threads: 2))
        return file
    }

    @Test("a folder meets its vector in every precision", arguments: [Precision.f32, .bf16, .int8])
    func folder(precision: Precision) throws {
        let outcome = try SelfCheck.run(LoadedModel(path: model(), threads: 2, precision: precision))
        #expect(outcome.isGolden && outcome.tokens == 29)
        #expect(precision == .f32 ? outcome.worst < 1e-4 : outcome.worst > 0)
    }

    @Test("a packed file brings the values of its own precision", arguments: [Precision.bf16, .int8])
    func packed(precision: Precision) throws {
        let file = try self.pack(self.model(), precision)
        let outcome = try SelfCheck.run(LoadedModel(path: file, threads: 1))
        #expect(outcome.isGolden && outcome.worst < 1e-6, "\(outcome)")
        let text = try #require(try ModelSource(path: file).file("cprs_selfcheck.json"))
        #expect(String(decoding: text, as: UTF8.self).contains("\"precision\": \"\(precision.rawValue)\""))
    }

    @Test(
        "the model that ships passes its check on every instruction set of this machine",
        arguments: InstructionSet.allCases.filter(\.isAvailable))
    func shipped(instructions: InstructionSet) throws {
        let source = try ModelSource(path: SharedData.defaultModel)
        let critic = try source.critic(threads: 2, windowTokens: nil, instructions: instructions)
        let outcome = try SelfCheck.run(LoadedModel(source, critic: critic))
        #expect(outcome.isGolden, "\(outcome)")
    }

    @Test("a vector that another model gave is refused by name, and nothing is packed with it")
    func wrong() throws {
        let path = try self.model { $0.replacing("[0.898322,", with: "[0.398322,") }
        let error = try #require(throws: CPRSError.self) {
            try SelfCheck.run(LoadedModel(path: path, threads: 1))
        }
        #expect(error.code == .modelUnusable && error.message.contains("token 0 must be B with P(kept) 0.398322"))
        #expect(throws: CPRSError.self) { try self.pack(path, .int8) }
    }

    @Test("a vector in no precision that there is, is refused")
    func unknownPrecision() throws {
        let path = try self.model { $0.replacing("\"f32\"", with: "\"f64\"") }
        let error = try #require(throws: CPRSError.self) {
            try SelfCheck.run(LoadedModel(path: path, threads: 1))
        }
        #expect(error.message.contains("\"precision\" must be f32 or bf16 or int8"), "\(error.message)")
    }
}
