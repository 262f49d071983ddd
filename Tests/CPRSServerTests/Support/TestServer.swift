internal import CPRSCore
internal import CPRSEngine
internal import CPRSSegmentation
internal import CPRSServer
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import CPRSWire
internal import GRPCCore
internal import GRPCInProcessTransport
internal import SwiftProtobuf

/// A service in this process, over a transport without sockets.
enum TestServer {
    static let tokenizer = try? Tokenizer(folder: SharedData.modelFolder)

    static func model(_ scoring: any WindowScoring) throws -> ServedModel {
        let tokenizer = try Self.tokenizer ?? Tokenizer(folder: SharedData.modelFolder)
        return ServedModel(
            name: "fake", sha256: String(repeating: "0", count: 64), tokenizer: tokenizer,
            limits: FakeCritic().limits, presets: Preset.all, lexicon: try Self.lexicon(tokenizer.vocabularySize),
            scoring: scoring)
    }

    /// Every token is a word of its own; ids stand for their rarity.
    private static func lexicon(_ vocabularySize: Int) throws -> Lexicon {
        let rows = (0..<vocabularySize).map(Float.init)
        let table = try LexicalTable(
            classes: rows, idf: rows.map { min(10, ($0 + 1).squareRoot() / 20) }, shapes: rows.map { _ in 0 },
            spellings: rows, letters: rows.map { _ in 1 }, name: "test")
        let weights = LexicalWeights(
            bias: -1, critic: 1, best: 0.25, covered: 2, complete: 0, nearby: 0.5, key: 0, format: 0, length: 0,
            decay: 0.5,
            threshold: 0.5)
        return Lexicon(table: table, weights: weights)
    }

    static func service(
        _ scoring: any WindowScoring = FakeScoring(), observer: any ServiceObserver = SilentObserver(),
        _ change: (inout ServiceLimits) -> Void = { _ in }
    ) throws -> CompressService {
        var limits = ServiceLimits.defaults
        change(&limits)
        return CompressService(models: FixedModel(try Self.model(scoring)), limits: limits, observer: observer)
    }

    typealias Stub = Cprs_V1_ContextCompressor.Client<InProcessTransport.Client>

    /// Serves while `body` runs.
    static func with<Result: Sendable>(
        _ service: CompressService, _ body: (Stub) async throws -> Result
    ) async throws -> Result {
        try await Self.with([service]) { try await body(Stub(wrapping: $0)) }
    }

    /// Serves while `body` runs.
    static func with<Result: Sendable>(
        _ services: [any RegistrableRPCService], _ body: (GRPCClient<InProcessTransport.Client>) async throws -> Result
    ) async throws -> Result {
        let transport = InProcessTransport()
        return try await withGRPCServer(transport: transport.server, services: services) { _ in
            try await withGRPCClient(transport: transport.client) { client in try await body(client) }
        }
    }
}

/// Everything that came back from one call.
struct Answer: Sendable {
    var accepted = Cprs_V1_Accepted()
    var decisions: [Cprs_V1_Decisions] = []
    var summary = Cprs_V1_Summary()
    /// Messages in the order in which they came: `a`, `d`, `p` (provisional), `s`.
    var order = ""

    /// Final spans.
    var kept: [Cprs_V1_KeptSpan] { self.decisions.filter { !$0.provisional }.flatMap(\.kept) }

    mutating func take(_ message: Cprs_V1_CompressResponse) {
        switch message.part {
        case .accepted(let accepted):
            self.accepted = accepted
            self.order += "a"
        case .decisions(let decisions):
            self.decisions.append(decisions)
            self.order += decisions.provisional ? "p" : "d"
        case .summary(let summary):
            self.summary = summary
            self.order += "s"
        case nil: self.order += "?"
        }
    }

    static func collect(
        _ messages: RPCAsyncSequence<Cprs_V1_CompressResponse, any Error>
    ) async throws -> Answer {
        var answer = Answer()
        for try await message in messages { answer.take(message) }
        return answer
    }
}

extension Cprs_V1_ContextCompressor.ClientProtocol {
    /// Uploads a text in pieces of these sizes, repeated as often as needed, and collects the answer.
    ///
    /// - Throws: how the call failed.
    func answer(
        _ text: [UInt8], _ begin: Cprs_V1_Begin = .test(), chunks: [Int] = [1 << 16], metadata: Metadata = [:],
        options: CallOptions = .defaults
    ) async throws -> Answer {
        do {
            return try await self.compress(
                metadata: metadata, options: options,
                requestProducer: { writer in
                    try await writer.write(.with { $0.begin = begin })
                    var (start, turn) = (0, 0)
                    while start < text.count {
                        let end = min(text.count, start + chunks[turn % chunks.count])
                        let piece = text[start..<end]
                        try await writer.write(.with { $0.chunk.text = .init(wire: piece) })
                        (start, turn) = (end, turn + 1)
                    }
                }, onResponse: { try await Answer.collect($0.messages) })
        } catch {
            throw ServiceError(any: error)
        }
    }

    func recutAnswer(_ request: Cprs_V1_RecutRequest, metadata: Metadata = [:]) async throws -> Answer {
        do {
            return try await self.recut(request, metadata: metadata) { try await Answer.collect($0.messages) }
        } catch {
            throw ServiceError(any: error)
        }
    }
}

extension Cprs_V1_Begin {
    /// A question and the defaults, changed by `change`.
    static func test(_ change: (inout Cprs_V1_Begin) -> Void = { _ in }) -> Cprs_V1_Begin {
        var begin = Cprs_V1_Begin()
        begin.preset = "fact"
        begin.query = "Who sent the letter?"
        change(&begin)
        return begin
    }
}

/// What the engine says in this process, without any service: the oracle.
struct Direct {
    var kept: [KeptSpan] = []
    var summary = CompressionSummary()

    init(_ text: [UInt8], _ change: (inout CompressionRequest) -> Void = { _ in }) throws {
        var request = CompressionRequest(preset: .fact, query: "Who sent the letter?")
        change(&request)
        let critic = FakeCritic()
        let model = try TestServer.model(FakeScoring())
        var session = try Session(
            request, tokenizer: model.tokenizer, limits: model.limits, lexicon: model.lexicon)
        try session.append(text)
        try session.finishInput()
        while let window = session.nextWindow() { session.accept(try critic.score(window.input), for: window) }
        self.kept = try session.takeDecisions().kept
        self.summary = session.summary
    }
}

/// Texts that tests share.
enum Sample {
    /// Prose, a log, Chinese and emoji; some 40 kB.
    static let mixed = Array(String(repeating: Self.prose + Self.chinese + Self.log, count: 6).utf8)

    static let prose = String(
        repeating: """
            Mr. Holmes looked at the letter of 3.14 pages. "It is signed by Dr. Roylott," he said.
            The paper was thick, and had a peculiar watermark which I had not seen
            before. Who sent it? Nobody knew.

            """, count: 12)

    static let chinese = String(repeating: "合同自二〇二四年三月起生效。双方同意按月支付！谁来付款？甲方。👩‍👩‍👧\n", count: 8)

    static let log = (0..<24).map {
        "2026-01-0\($0 % 9 + 1) 12:00:\($0 + 10) ERROR disk \($0) failed: code=\($0 * 7)\n"
    }
    .joined()
}
