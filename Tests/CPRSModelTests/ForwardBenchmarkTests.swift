internal import CPRSCore
internal import CPRSModel
internal import CPRSTensors
internal import Testing

@Suite("forward benchmark")
struct ForwardBenchmarkTests {
    private static func config() throws -> Qwen2Config {
        try Qwen2Config(json: TinyModel.json(TinyModel().config), path: "config.json") { _ in nil }
    }

    @Test("the multiply-adds are those of a loop over layers, tokens and pairs")
    func cost() throws {
        let config = try Self.config()
        let (prompt, context) = (3, 8)
        var (linear, attention) = (0, 0)
        for layer in 0..<4 {
            for token in 0..<11 {
                linear += 24 * 12 * 2  // k, v
                guard layer < 3 || token >= prompt else { continue }
                linear += 24 * 24 * 2 + 3 * 24 * 40  // q, o, gate, up, down
                for key in 0..<11 where layer >= 2 || key <= token { attention += 2 * 24 + 0 * key }
            }
        }
        let cost = ForwardCost(config, prompt: prompt, context: context, tags: 5)
        #expect(cost.linear == linear && cost.attention == attention && cost.head == context * 24 * 9)
        #expect(cost.total == linear + attention + context * 24 * 9)
    }

    @Test(
        "a run reports as many rates as it was asked for, their median, and figures that agree",
        arguments: Precision.allCases)
    func run(precision: Precision) throws {
        let critic = try Qwen2Critic(
            random: Self.config(), seed: 1, threads: 2, windowTokens: 64, packing: Packing(precision))
        let ids = ForwardBenchmark.ids(64, vocabulary: critic.config.vocabularySize)
        let result = try ForwardBenchmark.run(critic, ids: ids, runs: 3, threads: 2)
        #expect(result.runs.count == 3 && result.tokensPerSecond == result.runs.sorted()[1])
        let operations = 2e-9 * Double(result.cost.total)
        #expect(abs(result.gigaflops * 64 / result.tokensPerSecond - operations) < 1e-9 * operations)
        #expect(result.gemm.linear > 0 && result.gemm.attention > 0)
        // Measured and ideal time of one window.
        let ideal = result.gemm.seconds(for: result.cost), real = 64 / result.tokensPerSecond
        #expect(abs(result.gemmFraction - ideal / real) < 1e-9 * result.gemmFraction)
        #expect(result.timings.mlp > .zero && result.timings.attention > .zero)
    }

    @Test("the time at given rates is each kind of work at its own rate")
    func ratesAreWeighted() throws {
        var cost = ForwardCost(try Self.config(), prompt: 1, context: 7, tags: 0)
        (cost.linear, cost.attention, cost.head) = (3_000_000_000, 1_000_000_000, 1_000_000_000)
        // 8 · 10⁹ operations at 4 · 10⁹ a second and 2 · 10⁹ at 1 · 10⁹.
        #expect(ForwardBenchmark.Rates(linear: 4, attention: 1).seconds(for: cost) == 4)
    }

    @Test("the logits of a run are those of its window, one row for each token but the first")
    func logits() throws {
        let critic = try Qwen2Critic(random: Self.config(), seed: 1, threads: 1, windowTokens: 64)
        let ids = ForwardBenchmark.ids(9, vocabulary: critic.config.vocabularySize)
        let result = try ForwardBenchmark.run(critic, ids: ids, runs: 1, threads: 1)
        let window = CriticWindow(prompt: [ids[0]], context: Array(ids[1...]), tags: [])
        #expect(try critic.score(window).labelLogits == result.labelLogits && result.labelLogits.count == 32)
    }

    @Test("prefix reuse is measured in pairs of a new prompt and the same again")
    func prefixReuse() throws {
        let critic = try Qwen2Critic(
            random: Self.config(), seed: 1, threads: 1, windowTokens: 64, packing: Packing(.bf16))
        let saving = try ForwardBenchmark.prefixSaving(critic, windowTokens: 64, promptTokens: 48, runs: 2)
        #expect(saving.firstSeconds > 0 && saving.nextSeconds > 0)
        #expect(saving.saving == 1 - saving.nextSeconds / saving.firstSeconds)
        // One pair warms up.
        #expect(critic.prefixStatistics.misses == 3 && critic.prefixStatistics.hits == 3)
        #expect(throws: CPRSError.self) {
            try ForwardBenchmark.prefixSaving(critic, windowTokens: 64, promptTokens: 64, runs: 1)
        }
        let plain = try Qwen2Critic(random: Self.config(), seed: 1, threads: 1, windowTokens: 64)
        #expect(throws: CPRSError.self) {
            try ForwardBenchmark.prefixSaving(plain, windowTokens: 64, promptTokens: 48, runs: 1)
        }
    }

    @Test("a window that does not fit and a run count of 0 are refused")
    func refuses() throws {
        let critic = try Qwen2Critic(random: Self.config(), seed: 1, threads: 1, windowTokens: 64)
        func run(_ tokens: Int, runs: Int) throws {
            let ids = ForwardBenchmark.ids(tokens, vocabulary: critic.config.vocabularySize)
            _ = try ForwardBenchmark.run(critic, ids: ids, runs: runs, threads: 1)
        }
        #expect(throws: CPRSError.self) { try run(65, runs: 1) }
        #expect(throws: CPRSError.self) { try run(1, runs: 1) }
        #expect(throws: CPRSError.self) { try run(8, runs: 0) }
    }
}
