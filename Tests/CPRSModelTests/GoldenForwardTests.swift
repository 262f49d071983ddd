internal import CPRSCore
internal import CPRSJSON
internal import CPRSModel
internal import CPRSTensors
internal import CPRSTestSupport
internal import Testing

/// Logits that PyTorch computed in float32 from the same checkpoints; see SPEC.md section 7 beside the data.
@Suite("forward pass against PyTorch")
struct GoldenForwardTests {
    /// Largest allowed difference of a logit.
    static let logitTolerance: Float = 2e-3
    /// Labels must agree where the top two logits are further apart than this.
    static let labelMargin: Float = 4e-3

    @Test(
        "every logit is within 2e-3 of PyTorch's and every clear label is the same",
        .enabled(if: SharedData.golden != nil, "the golden vectors are not beside the checkout"), arguments: [1, 2])
    func goldenForward(threads: Int) throws {
        let folder = try #require(SharedData.golden) + "/models"
        var critics: [String: Qwen2Critic] = [:]
        var cases = 0
        let lines = try MappedFile.read(path: folder + "/forward.jsonl", limit: 1 << 26)
            .split(separator: UInt8(ascii: "\n"))
        for line in lines {
            let golden = try #require(try JSONValue(Array(line), name: "forward.jsonl").object)
            let model = try #require(golden["model"]?.string)
            let critic = try critics[model] ?? Qwen2Critic(folder: folder + "/" + model, threads: threads)
            critics[model] = critic
            let output = try critic.score(
                CriticWindow(
                    prompt: try ids(golden["prompt_ids"]), context: try ids(golden["context_ids"]),
                    tags: try ids(golden["tag_token_ids"])))
            let labels = try floats(folder + "/" + #require(golden["logits_file"]?.string))
            let tags = try floats(folder + "/" + #require(golden["tag_logits_file"]?.string))
            expectClose(output.labelLogits, labels, tolerance: Self.logitTolerance, "\(model) labels")
            expectClose(output.tagLogits, tags, tolerance: Self.logitTolerance, "\(model) tags")
            try expectLabels(output.labelLogits, labels, text: #require(golden["labels"]?.string), model: model)
            cases += 1
        }
        #expect(cases == 18)
    }

    private func expectLabels(_ got: [Float], _ expected: [Float], text: String, model: String) throws {
        for (row, letter) in text.enumerated() {
            let want = expected[row * 4..<row * 4 + 4].sorted()
            guard want[3] - want[2] > Self.labelMargin else { continue }
            let best = try #require((0..<4).max { got[row * 4 + $0] < got[row * 4 + $1] })
            #expect(BIOE(rawValue: UInt8(best))?.letter == letter, "\(model) token \(row)")
        }
    }

    private func ids(_ value: JSONValue?) throws -> [TokenID] {
        try #require(value?.array).map { TokenID(try #require($0.integer)) }
    }

    private func floats(_ path: String) throws -> [Float] {
        let bytes = try MappedFile.read(path: path, limit: 1 << 26)
        return stride(from: 0, to: bytes.count, by: 4).map { at in
            Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) })
        }
    }
}
