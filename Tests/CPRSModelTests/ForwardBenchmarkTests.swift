internal import CPRSCore
internal import CPRSModel
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

    @Test("a run reports as many rates as it was asked for, their median, and figures that agree")
    func run() throws {
        let critic = try Qwen2Critic(random: Self.config(), seed: 1, threads: 1, windowTokens: 64)
        let result = try ForwardBenchmark.run(critic, windowTokens: 64, runs: 3, threads: 1)
        #expect(result.runs.count == 3 && result.tokensPerSecond == result.runs.sorted()[1])
        let gigaflops = 2e-9 * Double(result.cost.total) * result.tokensPerSecond / 64
        #expect(abs(result.gigaflops - gigaflops) < 1e-9 * gigaflops && result.sgemmGigaflops > 0)
        #expect(result.fraction == result.gigaflops / result.sgemmGigaflops)
        #expect(result.timings.mlp > .zero && result.timings.attention > .zero)
    }

    @Test("a window that does not fit and a run count of 0 are refused")
    func refuses() throws {
        let critic = try Qwen2Critic(random: Self.config(), seed: 1, threads: 1, windowTokens: 64)
        #expect(throws: CPRSError.self) { try ForwardBenchmark.run(critic, windowTokens: 65, runs: 1, threads: 1) }
        #expect(throws: CPRSError.self) { try ForwardBenchmark.run(critic, windowTokens: 1, runs: 1, threads: 1) }
        #expect(throws: CPRSError.self) { try ForwardBenchmark.run(critic, windowTokens: 8, runs: 0, threads: 1) }
    }
}
