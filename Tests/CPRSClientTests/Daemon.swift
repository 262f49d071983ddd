internal import CPRSClient
internal import CPRSCore
internal import CPRSEngine
internal import CPRSServer
internal import CPRSTestSupport
internal import CPRSTokenizer
internal import Glibc
internal import Synchronization

/// The real server on a real socket, with a critic that needs no model.
struct Daemon: Sendable {
    let configuration: ClientConfiguration
    let scoring: CountingScoring
    private let service: CompressService

    static func with<Result: Sendable>(
        delay: Duration = .zero, access: AccessRule = .everybody, critic: (any WindowScoring)? = nil,
        _ body: (Daemon) async throws -> Result
    ) async throws -> Result {
        try await TemporaryFolder.with { folder in
            try await Self.with(path: folder + "/cprsd.sock", delay: delay, access: access, critic: critic, body)
        }
    }

    /// - Parameter critic: scores windows in place of `scoring`, which then counts none.
    static func with<Result: Sendable>(
        path: String, delay: Duration = .zero, access: AccessRule = .everybody, critic: (any WindowScoring)? = nil,
        _ body: (Daemon) async throws -> Result
    ) async throws -> Result {
        let scoring = CountingScoring(delay: delay)
        let model = ServedModel(
            name: "fake", sha256: String(repeating: "0", count: 64),
            tokenizer: try Tokenizer(folder: SharedData.modelFolder), limits: FakeCritic().limits,
            presets: Preset.all, lexicon: nil, scoring: critic ?? scoring)
        let service = CompressService(models: FixedModel(model), limits: .defaults)
        let server = try CompressServer(socket: ListeningSocket.open(path: path), service: service, access: access)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            defer { group.cancelAll() }
            let result = try await body(
                Daemon(
                    configuration: ClientConfiguration(socketPath: path), scoring: scoring, service: service))
            await server.stop(grace: .zero)
            try await group.next()
            return result
        }
    }

    func waitUntilIdle() async throws {
        for _ in 0..<5000 where self.service.gate.active > 0 { try await Task.sleep(for: .milliseconds(1)) }
        guard self.service.gate.active == 0 else {
            throw CPRSError(code: .internal, message: "\(self.service.gate.active) requests still run")
        }
    }
}

/// Counts windows and takes its time.
final class CountingScoring: WindowScoring {
    private let delay: Duration
    private let count = Mutex(0)

    init(delay: Duration) { self.delay = delay }

    var windows: Int { self.count.withLock { $0 } }

    func score(_ window: CriticWindow, for client: ClientIdentity) async throws(CPRSError) -> CriticOutput {
        self.count.withLock { $0 += 1 }
        if self.delay > .zero {
            do { try await Task.sleep(for: self.delay) } catch {
                throw CPRSError(code: .cancelled, message: "the caller stopped waiting")
            }
        }
        return try FakeCritic().score(window)
    }
}
