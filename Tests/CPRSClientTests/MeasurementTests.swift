internal import CPRSClient
internal import CPRSCore
internal import Glibc
internal import Testing

/// Figures for people, on a quiet machine: `CPRS_MEASURE=1 swift test -c release --filter MeasurementTests`.
@Suite(.enabled(if: getenv("CPRS_MEASURE") != nil), .serialized) struct MeasurementTests {
    @Test("a small request's round trip, without the time in the critic")
    func roundTrip() async throws {
        try await Daemon.with { daemon in
            let client = CPRSClient(daemon.configuration)
            let text = String(decoding: ClientTests.text.utf8.prefix(1024), as: UTF8.self)
            let request = CompressionRequest(query: "Who sent the letter?")
            var (total, rest) = ([Duration](), [Duration]())
            for _ in 0..<300 {
                let started = ContinuousClock.now
                let result = try await client.compressed(text, request)
                let time = ContinuousClock.now - started
                total.append(time)
                rest.append(time - result.summary.scoring)
            }
            print(
                "1 KB: round trip median \(Self.median(total)), without scoring \(Self.median(rest)), 99th percentile",
                "\(total.sorted()[total.count * 99 / 100])")
        }
    }

    @Test("bytes per second through the socket, with the engine at work and without it")
    func ingestion() async throws {
        try await Daemon.with { daemon in
            let client = CPRSClient(daemon.configuration)
            let text = String(repeating: ClientTests.text, count: 400)
            for isScored in [true, false] {
                var request = CompressionRequest(query: "Who sent the letter?")
                if !isScored {
                    // After the deadline nothing is tokenized or scored: what remains is transport, receipt and answers.
                    request.deadline = .milliseconds(1)
                    request.deadlinePolicy = .partial
                }
                let part = isScored ? String(text.prefix(2_000_000)) : text
                let size = Double(part.utf8.count) / 1e6
                var rates: [Double] = []
                var engine = 0.0
                let used = Self.processorSeconds()
                for _ in 0..<(isScored ? 1 : 7) {
                    let started = ContinuousClock.now
                    let result = try await client.compressed(part, request)
                    rates.append(size / (ContinuousClock.now - started).seconds)
                    #expect(result.summary.inputBytes == part.utf8.count)
                    engine = result.summary.engine.seconds * 1000 / size
                }
                print(
                    "\(isScored ? "scored by a fake critic" : "compute stubbed out"): \(size) MB at median",
                    "\(rates.sorted()[rates.count / 2]) MB/s,",
                    "\((Self.processorSeconds() - used) * 1000 / size / Double(rates.count)) ms of processor per MB, both ends;",
                    "engine \(engine) ms per MB"
                )
            }
        }
    }

    /// User and system time of this process, which is client and daemon in one.
    private static func processorSeconds() -> Double {
        var usage = rusage()
        getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
        let microseconds = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Double(microseconds) / 1e6
    }

    private static func median(_ times: [Duration]) -> Duration { times.sorted()[times.count / 2] }
}
