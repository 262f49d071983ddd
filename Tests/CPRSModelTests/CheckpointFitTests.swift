internal import CPRSCore
internal import CPRSModel
internal import CPRSTensors
internal import CPRSTestSupport
internal import Testing

@Suite("checkpoint against config")
struct CheckpointFitTests {
    private static func message(_ change: (inout [TinyModel.Tensor]) -> Void) throws -> String {
        let model = TinyModel()
        var tensors = model.tensors(seed: 1)
        change(&tensors)
        let folder = TemporaryFolder()
        model.write(to: folder, tensors: tensors)
        let error = try #require(throws: CPRSError.self) { try Qwen2Critic(folder: folder.path, threads: 1) }
        let summary = try #require(throws: CPRSError.self) { try CheckpointSummary(folder: folder.path) }
        #expect(error.code == .modelUnusable && summary.message == error.message)
        return error.message
    }

    @Test("missing tensors are listed by name")
    func missing() throws {
        let message = try Self.message { $0.removeAll { $0.name.hasPrefix("cls_head") } }
        #expect(message.contains("missing: cls_head.weight, cls_head.bias"))
    }

    @Test("a long list of missing tensors is cut and counted")
    func manyMissing() throws {
        let message = try Self.message { $0.removeAll { $0.name.hasPrefix("model.layers.") } }
        #expect(message.contains("and 40 more"))
    }

    @Test("surplus tensors are listed by name")
    func surplus() throws {
        let message = try Self.message {
            $0.append(TinyModel.Tensor(name: "model.layers.4.mlp.up_proj.weight", shape: [1], values: [0]))
            $0.append(TinyModel.Tensor(name: "adapter", shape: [1], values: [0]))
        }
        #expect(message.contains("no place for: adapter, model.layers.4.mlp.up_proj.weight"))
    }

    @Test(
        "a tensor of another shape is named with both shapes",
        arguments: [
            "model.embed_tokens.weight", "model.layers.3.self_attn.k_proj.weight", "model.norm.weight", "cls_head.bias",
        ])
    func shape(name: String) throws {
        var asked: [Int] = []
        let message = try Self.message { tensors in
            for index in tensors.indices where tensors[index].name == name {
                asked = tensors[index].shape
                tensors[index].shape = [1] + asked
            }
        }
        #expect(message.contains("\(name) has shape \([1] + asked), config.json asks for \(asked)"))
    }

    @Test("rotary constants of older writers are allowed")
    func inverseFrequencies() throws {
        let model = TinyModel()
        let folder = TemporaryFolder()
        let extra = TinyModel.Tensor(
            name: "model.layers.0.self_attn.rotary_emb.inv_freq", shape: [3], values: [1, 2, 3])
        model.write(to: folder, tensors: model.tensors(seed: 1) + [extra])
        _ = try Qwen2Critic(folder: folder.path, threads: 1)
    }

    @Test("a summary counts files, types, tensors and parameters")
    func summary() throws {
        let model = TinyModel()
        let tensors = model.tensors(seed: 1)
        let folder = TemporaryFolder()
        model.write(to: folder, tensors: tensors, type: .bf16, shards: 3)
        let summary = try CheckpointSummary(folder: folder.path)
        let elements = tensors.reduce(0) { $0 + $1.values.count }
        #expect(summary.files.count == 3 && summary.tensors.count == tensors.count)
        #expect(summary.parameters == elements && summary.parameters == summary.config.parameterCount)
        #expect(summary.tensorBytes == 2 * elements && summary.bytesByType == [.bf16: 2 * elements])
        #expect(summary.hasLMHead && summary.config.bidirectionalStartLayer == 2)
    }
}
