internal import CPRSCore

/// How often a duration fell between fixed bounds; made for Prometheus' cumulative buckets.
package struct Histogram: Hashable, Sendable {
    /// Upper bounds of the buckets in seconds, ascending; one more bucket takes what is above.
    package let bounds: [Double]
    /// Observations in each bucket, not cumulative; one more than `bounds`.
    package private(set) var counts: [UInt64]
    /// Sum of all observations in seconds.
    package private(set) var sum = 0.0

    /// Observations in all.
    package var count: UInt64 { self.counts.reduce(0, +) }

    package init(bounds: [Double]) {
        self.bounds = bounds
        self.counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// Bounds from half a millisecond to a minute, each about twice the one before.
    package static let seconds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]

    /// Takes an observation.
    package mutating func observe(_ duration: Duration) {
        let seconds = duration.seconds
        let bucket = self.bounds.firstIndex { seconds <= $0 } ?? self.bounds.count
        self.counts[bucket] += 1
        self.sum += seconds
    }
}
