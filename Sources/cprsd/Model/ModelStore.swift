internal import CPRSCore
internal import CPRSScheduler
internal import CPRSServer
internal import Synchronization

/// Holds the model that new requests get, and replaces it.
final class ModelStore: ModelProviding {
    private let scheduler: WindowScheduler
    private let model: Mutex<OpenedModel>
    private let lastRequest = Atomic<UInt64>(0)

    init(_ model: OpenedModel, scheduler: WindowScheduler) {
        self.scheduler = scheduler
        self.model = Mutex(model)
    }

    /// The model that new requests get.
    var opened: OpenedModel { self.model.withLock { $0 } }

    /// Gives new requests another model; running ones keep theirs, whose memory goes with the last of them.
    func replace(with model: OpenedModel) { self.model.withLock { $0 = model } }

    var load: ScoringLoad {
        let statistics = self.scheduler.statistics
        var load = ScoringLoad()
        load.queuedWindows = statistics.queuedWindows
        load.queuedTokens = statistics.queuedTokens
        load.scoredWindows = Int(clamping: statistics.windows)
        load.scoredTokens = Int(clamping: statistics.tokens)
        load.tokensPerSecond = statistics.tokensPerBusySecond
        load.backlog = statistics.backlog
        return load
    }

    func current() -> ServedModel {
        let model = self.opened
        let request = self.lastRequest.add(1, ordering: .relaxed).newValue
        return ServedModel(
            name: model.name, sha256: model.sha256, tokenizer: model.tokenizer, limits: model.critic.limits,
            presets: model.presets, lexicon: model.lexicon,
            scoring: RequestScoring(scheduler: self.scheduler, critic: model.critic, request: request))
    }
}

/// One request's way to the scheduler: remembers its model and its name.
struct RequestScoring: WindowScoring {
    let scheduler: WindowScheduler
    let critic: SharedCritic
    let request: UInt64

    func score(_ window: CriticWindow, for client: ClientIdentity) async throws(CPRSError) -> CriticOutput {
        let urgency: WorkOwner.Urgency = client.requestClass == .batch ? .batch : .interactive
        return try await self.scheduler.score(
            window, with: self.critic, for: WorkOwner(user: client.userID, request: self.request, urgency: urgency))
    }
}
