package import CPRSCore
internal import CPRSTensors

/// Measures the forward pass, and beside it the machine's own rate for the same matrix products.
package enum ForwardBenchmark {
    /// What was measured.
    package struct Result: Sendable {
        /// Tokens in each window, prompt included.
        package let windowTokens: Int
        /// Tokens per second of each run, in the order of the runs.
        package let runs: [Double]
        /// Median of `runs`.
        package let tokensPerSecond: Double
        /// Multiply-adds that one window needs.
        package let cost: ForwardCost
        /// 2 · multiply-adds per second of the median run, in 10⁹.
        package let gigaflops: Double
        /// Median rate of whole-matrix `cblas_sgemm` calls at the model's shapes with as many threads, each shape
        /// weighted by its share of the operations, in 10⁹ per second. Measured between the runs.
        package let sgemmGigaflops: Double
        /// `gigaflops / sgemmGigaflops`.
        package let fraction: Double
        /// Where the median run spent its time.
        package let timings: StageTimings
        /// The kernels in use: `avx512`, `avx2` or `portable`.
        package let kernels: String
    }

    /// Prompt tokens of the measured window; few, so that nearly all tokens are scored.
    private static let promptTokens = 1
    /// Tags of the measured window.
    private static let tagCount = 4

    /// Scores windows of `windowTokens` random ids `runs` times after one warm-up.
    ///
    /// - Parameters:
    ///   - critic: made for at least `windowTokens`, with `threads` threads.
    ///   - windowTokens: at least 2.
    ///   - runs: at least 1.
    ///   - threads: threads for the `cblas_sgemm` rate; the critic's own.
    /// - Throws: `invalidArgument` if an argument is out of range, and what ``Qwen2Critic/score(_:)`` throws.
    package static func run(
        _ critic: Qwen2Critic, windowTokens: Int, runs: Int, threads: Int
    ) throws(CPRSError) -> Result {
        guard (2...critic.limits.maxWindowTokens).contains(windowTokens) else {
            throw CPRSError(
                code: .invalidArgument,
                message: "window must be in 2...\(critic.limits.maxWindowTokens) tokens (got \(windowTokens))")
        }
        guard runs >= 1 else {
            throw CPRSError(code: .invalidArgument, message: "runs must be at least 1 (got \(runs))")
        }
        let window = Self.window(windowTokens, vocabulary: critic.config.vocabularySize)
        let sgemm = try SgemmBenchmark(critic.config, rows: windowTokens, threads: threads)
        _ = try critic.score(window)
        var measured: [(tokensPerSecond: Double, timings: StageTimings)] = []
        var sgemmRates: [Double] = []
        for _ in 0..<runs {
            let start = ContinuousClock.now
            let output = try critic.score(window)
            let seconds = (ContinuousClock.now - start).seconds
            measured.append((Double(windowTokens) / seconds, output.timings))
            // In turn with the runs, so that both see the same machine.
            sgemmRates.append(sgemm.gigaflops())
        }
        let median = measured.sorted { $0.tokensPerSecond < $1.tokensPerSecond }[runs / 2]
        let sgemmMedian = sgemmRates.sorted()[runs / 2]
        let cost = ForwardCost(
            critic.config, prompt: window.prompt.count, context: window.context.count, tags: window.tags.count)
        let gigaflops = 2e-9 * Double(cost.total) * median.tokensPerSecond / Double(windowTokens)
        return Result(
            windowTokens: windowTokens, runs: measured.map(\.tokensPerSecond), tokensPerSecond: median.tokensPerSecond,
            cost: cost, gigaflops: gigaflops, sgemmGigaflops: sgemmMedian, fraction: gigaflops / sgemmMedian,
            timings: median.timings, kernels: Kernels.variantName)
    }

    /// Ids spread over the vocabulary; speed does not depend on them.
    private static func window(_ tokens: Int, vocabulary: Int) -> CriticWindow {
        func ids(_ count: Int) -> [TokenID] { (0..<count).map { TokenID(($0 * 7919 + 13) % vocabulary) } }
        return CriticWindow(
            prompt: ids(Self.promptTokens), context: ids(tokens - Self.promptTokens), tags: ids(Self.tagCount))
    }
}
