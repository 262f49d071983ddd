import CPRSScheduler
import Testing

@Suite("histograms")
struct HistogramTests {
    @Test("an observation falls into the first bucket whose bound is not below it")
    func buckets() {
        var histogram = Histogram(bounds: [0.25, 1])
        for milliseconds in [0, 250, 251, 1000, 1001, 90_000] { histogram.observe(.milliseconds(milliseconds)) }
        #expect(histogram.counts == [2, 2, 2])
        #expect(histogram.count == 6)
        #expect(abs(histogram.sum - 92.502) < 1e-9)
    }
}
