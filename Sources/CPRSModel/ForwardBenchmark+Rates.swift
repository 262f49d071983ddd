internal import CPRSCore
internal import CPRSTensors

extension ForwardBenchmark {
    /// How fast a machine, or a program on it, does the two kinds of a forward pass's work, in 10⁹ operations per
    /// second; a multiplication and an addition are two.
    package struct Rates: Sendable, Hashable {
        /// Linear layers, in the critic's precision.
        package let linear: Double
        /// Scores and weighted sums of attention: f32 in an f32 critic, bf16 in the others.
        package let attention: Double

        package init(linear: Double, attention: Double) {
            self.linear = linear
            self.attention = attention
        }

        /// Seconds that `cost` takes at these rates: 2 · (linear + head) / `linear` + 2 · attention / `attention`. The
        /// heads, less than a thousandth of the work, count as linear.
        package func seconds(for cost: ForwardCost) -> Double {
            2e-9 * (Double(cost.linear + cost.head) / self.linear + Double(cost.attention) / self.attention)
        }
    }

    /// The arithmetic of attention in a critic of this precision.
    static func attentionPrecision(of precision: Precision) -> Precision { precision == .f32 ? .f32 : .bf16 }
}

/// The rate of a critic's multiply-and-add instructions on operands in registers, on all threads: no product is faster.
struct PeakBenchmark {
    /// Of one block, which takes less than a millisecond.
    private static let rounds = 50_000
    /// Blocks for each thread: some milliseconds, long enough to start all threads.
    private static let blocksPerThread = 16
    /// Of which the fastest counts: OpenBLAS's threads, for one, still spin for a while after an f32 pass.
    private static let attempts = 5

    let pool: ComputePool
    let precision: Precision

    /// The rates now; nil where the processor's instruction set has no measurement.
    func rates() -> ForwardBenchmark.Rates? {
        let linear = self.rate(self.precision)
        let other = ForwardBenchmark.attentionPrecision(of: self.precision)
        let attention = other == self.precision ? linear : self.rate(other)
        guard let linear, let attention else { return nil }
        return ForwardBenchmark.Rates(linear: linear, attention: attention)
    }

    private func rate(_ precision: Precision) -> Double? {
        let blocks = Self.blocksPerThread * self.pool.threads
        let perBlock = Kernels.runInRegisters(precision, rounds: Self.rounds, instructions: .best)
        guard perBlock > 0 else { return nil }
        var fastest = Double.infinity
        for _ in 0..<Self.attempts {
            let start = ContinuousClock.now
            self.pool.run(blocks) { _, _ in
                _ = Kernels.runInRegisters(precision, rounds: Self.rounds, instructions: .best)
            }
            fastest = min(fastest, (ContinuousClock.now - start).seconds)
        }
        return 1e-9 * Double(perBlock * blocks) / fastest
    }
}
