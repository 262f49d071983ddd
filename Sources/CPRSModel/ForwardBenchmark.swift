package import CPRSCore
internal import CPRSTensors

/// Measures the forward pass, and beside it what the machine could do at best.
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
        /// 2 · multiply-adds per second of the median run, in 10⁹, whatever their precision.
        package let gigaflops: Double
        /// What the processor's multiply-and-add instructions reach on operands in registers, on all threads; nil where
        /// that is not measured.
        package let peak: Rates?
        /// What whole products of the model's shapes reach on all threads: `cblas_sgemm` in f32, else our own kernels,
        /// each shape weighted by its share of the operations.
        package let gemm: Rates
        /// Where the median run spent its time.
        package let timings: StageTimings
        /// The kernels in use, such as `avx512-bf16`.
        package let kernels: String
        /// Label logits `[T - 1, 4]` of the last run: all tokens but the first.
        package let labelLogits: [Float]

        /// Share of the time that the same operations would take at the peak rates: 1 is the best there can be.
        package var peakFraction: Double? { self.peak.map(self.fraction) }
        /// Share of the time that the same operations would take at the rates of whole products. May exceed 1.
        package var gemmFraction: Double { self.fraction(of: self.gemm) }

        private func fraction(of rates: Rates) -> Double {
            rates.seconds(for: self.cost) * self.tokensPerSecond / Double(self.windowTokens)
        }
    }

    /// Rows of the products that are measured; more change nothing.
    private static let productRows = 2048
    /// Tokens of the window that warms up: they touch all weights, and most scratch is small beside those.
    private static let warmUpTokens = 512
    /// Tags of the measured window.
    static let tagCount = 4

    /// Scores the window `runs` times after a shorter one that warms up. In turn with the runs, so that all see the same
    /// machine, measures the peak and the rate of whole products; medians count.
    ///
    /// - Parameters:
    ///   - critic: made with `threads` threads.
    ///   - ids: at least 2 tokens; the first is the prompt. See ``ids(_:vocabulary:)``.
    ///   - runs: at least 1.
    ///   - threads: threads for the peak and the products; the critic's own.
    /// - Throws: `invalidArgument` if an argument is out of range, and what ``Qwen2Critic/score(_:)-(CriticWindow)``
    ///   throws.
    package static func run(
        _ critic: Qwen2Critic, ids: [TokenID], runs: Int, threads: Int
    ) throws(CPRSError) -> Result {
        try Self.check(critic, windowTokens: ids.count, runs: runs)
        let pool = try ComputePool(threads: threads)
        let peak = PeakBenchmark(pool: pool, precision: critic.precision)
        let linear = try Self.gemm(critic, critic.layouts, rows: ids.count, pool: pool)
        let isMixed = critic.precision != Self.attentionPrecision(of: critic.precision)
        let attention =
            isMixed ? try Self.gemm(critic, critic.layouts.map(\.inBF16), rows: ids.count, pool: pool) : nil
        let window = Self.window(ids)
        _ = try critic.score(Self.window(Array(ids.prefix(Self.warmUpTokens))))
        var measured: [(tokensPerSecond: Double, timings: StageTimings)] = []
        var gemms: [Rates] = []
        var peaks: [Rates] = []
        var logits: [Float] = []
        for _ in 0..<runs {
            let start = ContinuousClock.now
            let output = try critic.score(window)
            let seconds = (ContinuousClock.now - start).seconds
            measured.append((Double(ids.count) / seconds, output.timings))
            logits = output.labelLogits
            let rate = linear.rate()
            gemms.append(Rates(linear: rate, attention: attention?.rate() ?? rate))
            if let rates = peak.rates() { peaks.append(rates) }
        }
        let median = measured.sorted { $0.tokensPerSecond < $1.tokensPerSecond }[runs / 2]
        let cost = ForwardCost(
            critic.config, prompt: window.prompt.count, context: window.context.count, tags: window.tags.count)
        return Result(
            windowTokens: ids.count, runs: measured.map(\.tokensPerSecond), tokensPerSecond: median.tokensPerSecond,
            cost: cost, gigaflops: 2e-9 * Double(cost.total) * median.tokensPerSecond / Double(ids.count),
            peak: peaks.isEmpty ? nil : Self.median(peaks), gemm: Self.median(gemms), timings: median.timings,
            kernels: InstructionSet.best.name, labelLogits: logits)
    }

    /// Ids spread over the vocabulary; speed does not depend on them.
    package static func ids(_ count: Int, vocabulary: Int) -> [TokenID] {
        (0..<max(count, 0)).map { TokenID(($0 * 7919 + 13) % vocabulary) }
    }

    static func check(_ critic: Qwen2Critic, windowTokens: Int, runs: Int) throws(CPRSError) {
        guard (2...max(2, critic.limits.maxWindowTokens)).contains(windowTokens) else {
            throw CPRSError(
                code: .invalidArgument,
                message: "window must be in 2...\(critic.limits.maxWindowTokens) tokens (got \(windowTokens))")
        }
        guard runs >= 1 else {
            throw CPRSError(code: .invalidArgument, message: "runs must be at least 1 (got \(runs))")
        }
    }

    private static func gemm(
        _ critic: Qwen2Critic, _ layouts: [PackedMatrix.Layout], rows: Int, pool: ComputePool
    ) throws(CPRSError) -> any GemmBenchmark {
        let rows = min(rows, Self.productRows)
        guard critic.precision != .f32 else {
            return try SgemmBenchmark(critic.config, rows: rows, threads: pool.threads)
        }
        return try PackedGemmBenchmark(layouts, rows: rows, pool: pool)
    }

    /// The median of each rate on its own.
    private static func median(_ rates: [Rates]) -> Rates {
        func median(_ rate: KeyPath<Rates, Double>) -> Double {
            rates.map { $0[keyPath: rate] }.sorted()[rates.count / 2]
        }
        return Rates(linear: median(\.linear), attention: median(\.attention))
    }

    /// One token of prompt, so that nearly all tokens are scored.
    private static func window(_ ids: [TokenID]) -> CriticWindow {
        CriticWindow(
            prompt: Array(ids.prefix(1)), context: Array(ids.dropFirst()), tags: Array(ids.prefix(Self.tagCount)))
    }
}

extension PackedMatrix.Layout {
    /// A matrix of the same shape in bf16.
    fileprivate var inBF16: Self {
        Self(outputs: self.outputs, inputs: self.inputs, precision: .bf16, isGated: self.isGated)
    }
}
