internal import CPRSClient
internal import CPRSCore
internal import CPRSServer
internal import Glibc
internal import Testing

/// Figures for people, on a quiet machine, one `figure {…}` line each; `Benchmarks/daemon/measure.py` collects them.
///
/// `CPRS_MEASURE` names the socket of a daemon to measure; any other value, such as 1, measures a server in this process
/// whose critic needs no model.
@Suite(.enabled(if: getenv("CPRS_MEASURE") != nil), .serialized) struct MeasurementTests {
    static let request = CompressionRequest(query: "Who sent the letter?")

    @Test("a small request's round trip, with and without the forward pass")
    func roundTrip() async throws {
        try await Self.withDaemon { configuration in
            let client = CPRSClient(configuration)
            let text = String(decoding: ClientTests.text.utf8.prefix(1024), as: UTF8.self)
            var (total, forward, rest) = ([Duration](), [Duration](), [Duration]())
            for round in 0..<520 {
                let started = ContinuousClock.now
                let result = try await client.compressed(text, Self.request)
                let time = ContinuousClock.now - started
                // The first ones connect and fill caches.
                guard round >= 20 else { continue }
                let stages = result.summary.stages
                total.append(time)
                forward.append(stages.qkv + stages.attention + stages.mlp + stages.head + stages.wait)
                rest.append(time - forward[forward.count - 1])
            }
            let beyond = Self.milliseconds(rest, percent: 50)
            Self.show("1 KB, Swift client: round trip", Self.milliseconds(total, percent: 50), "ms", digits: 2)
            Self.show("the same: its forward pass", Self.milliseconds(forward, percent: 50), "ms", digits: 2)
            Self.show(
                "the same: round trip beyond the forward pass", beyond, "ms", wanted: "<= 2", met: beyond <= 2,
                digits: 2)
            Self.show(
                "the same: 99th percentile of it", Self.milliseconds(rest, percent: 99), "ms", digits: 2)
        }
    }

    @Test("bytes per second through the socket and into the receipt, nothing tokenized or scored")
    func transport() async throws {
        try await Self.withDaemon { configuration in
            var request = Self.request
            // After the deadline everything is kept unscored, without a look at it.
            request.deadline = .milliseconds(1)
            request.deadlinePolicy = .partial
            let rate = try await Self.rate(
                CPRSClient(configuration), String(repeating: ClientTests.text, count: 1500), request, runs: 9)
            Self.show(
                "ingestion without tokenizer and critic: transport and receipt", rate, "MB/s", wanted: ">= 80",
                met: rate >= 80)
        }
    }

    @Test("bytes per second through the socket, the tokenizer and the engine, with a critic that costs nothing")
    func engine() async throws {
        var request = Self.request
        // As the default model's.
        request.windowTokens = 1024
        try await Daemon.with(critic: ConstantScoring()) { [request] daemon in
            let rate = try await Self.rate(
                CPRSClient(daemon.configuration), String(repeating: ClientTests.text, count: 150), request, runs: 7)
            Self.show("ingestion with tokenizer and engine, critic stubbed out, one stream", rate, "MB/s", digits: 1)
        }
    }

    /// MB per second of one stream at a time; the median.
    private static func rate(
        _ client: CPRSClient, _ text: String, _ request: CompressionRequest, runs: Int
    ) async throws -> Double {
        var rates: [Double] = []
        for _ in 0..<runs {
            let started = ContinuousClock.now
            let result = try await client.compressed(text, request)
            rates.append(Double(text.utf8.count) / 1e6 / (ContinuousClock.now - started).seconds)
            #expect(result.summary.inputBytes == text.utf8.count)
        }
        return rates.sorted()[rates.count / 2]
    }

    private static func withDaemon(_ body: (ClientConfiguration) async throws -> Void) async throws {
        let path = getenv("CPRS_MEASURE").map { String(cString: $0) } ?? ""
        if path.hasPrefix("/") {
            try await body(ClientConfiguration(socketPath: path))
        } else {
            try await Daemon.with { try await body($0.configuration) }
        }
    }

    private static func milliseconds(_ times: [Duration], percent: Int) -> Double {
        times.sorted()[times.count * percent / 100].seconds * 1000
    }

    /// One row of the table, as JSON.
    private static func show(
        _ what: String, _ value: Double, _ unit: String, wanted: String = "", met: Bool? = nil, digits: Int = 0
    ) {
        print(
            "figure {\"what\": \"\(what)\", \"value\": \(value), \"unit\": \"\(unit)\", \"wanted\": \"\(wanted)\", "
                + "\"met\": \(met.map { "\($0)" } ?? "null"), \"digits\": \(digits)}")
    }
}

/// Says of every token that it lies outside of what is kept, at next to no cost.
private struct ConstantScoring: WindowScoring {
    func score(_ window: CriticWindow, for client: ClientIdentity) async throws(CPRSError) -> CriticOutput {
        CriticOutput(
            labelLogits: (0..<window.context.count * 4).map { $0 % 4 == 2 ? 4 : 0 },
            tagLogits: Array(repeating: 0, count: window.context.count * window.tags.count))
    }
}
