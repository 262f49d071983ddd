internal import CPRSCore
internal import CPRSEngine
internal import CPRSWire
internal import SwiftProtobuf

extension CompressService {
    /// Runs what comes before a request's admission; tells the observer of one that does not get that far.
    func prepare<Result>(
        _ method: String, _ scope: CallScope, _ body: () async throws -> Result
    ) async throws -> Result {
        do { return try await body() } catch {
            let error = scope.serviceError(error)
            let client = ClientIdentity(userID: scope.userID)
            let name = RequestName(method: method, id: "", clientRequestID: "", client: client)
            self.observer.record(.refused(name, error))
            throw error
        }
    }

    /// Runs a request if there is room for it, and tells the observer how it began and how it failed.
    func admit<Result>(
        _ name: RequestName, _ scope: CallScope, _ body: () async throws -> Result
    ) async throws -> Result {
        var wasAdmitted = false
        do {
            return try await self.gate.withPermit(
                userID: name.client.userID, retryAfter: { self.models.load.backlog }
            ) {
                wasAdmitted = true
                self.observer.record(.admitted(name))
                return try await body()
            }
        } catch {
            let error = scope.serviceError(error)
            self.observer.record(wasAdmitted ? .failed(name, error) : .refused(name, error))
            throw error
        }
    }

    /// Runs an admitted request to its summary.
    func run(
        _ plan: RequestPlan, name: RequestName, source: RequestSource,
        send: (Cprs_V1_CompressResponse) async throws -> Void
    ) async throws {
        let engine = try RequestEngine(plan, source: source, maxHeldBytes: self.limits.maxHeldBytes)
        try await send(.with { $0.accepted = self.accepted(plan, name: name, source: source, engine: engine) })
        var recording: Recording?
        if plan.retainsScores, let model = source.model {
            recording = Recording(request: plan.request, model: model, maxBytes: self.store.maxRecordingBytes)
        }
        // The run ends before this function does, so what it captures need not escape.
        try await withoutActuallyEscaping(send) { send in
            var run = RequestRun(
                engine: engine, plan: plan, limits: self.limits, recording: recording, turns: self.turns,
                nextChunk: source.nextChunk,
                score: { try await source.score($0, name.client) },
                onFirstDecision: { self.observer.record(.firstDecision(name, after: $0)) },
                send: { message in try await send(.with { $0.decisions = message }) })
            try await run.run()
            try await self.finish(run, name: name, send: send)
        }
    }

    private func finish(
        _ run: RequestRun, name: RequestName, send: (Cprs_V1_CompressResponse) async throws -> Void
    ) async throws {
        var summary = run.engine.summary()
        if let recording = run.recording {
            let held = self.store.insert(recording, id: name.id, userID: name.client.userID)
            summary.recutSeconds = UInt32(held.seconds)
        }
        try await send(.with { $0.summary = summary })
        self.observer.record(.finished(name, RequestFigures(summary)))
    }

    private func accepted(
        _ plan: RequestPlan, name: RequestName, source: RequestSource, engine: RequestEngine
    ) -> Cprs_V1_Accepted {
        var accepted = Cprs_V1_Accepted()
        accepted.requestID = name.id
        accepted.clientRequestID = name.clientRequestID
        accepted.model = source.modelInfo
        accepted.limits = self.limits.wire
        accepted.windowTokens = UInt32(plan.request.windowTokens ?? source.limits.trainedWindowTokens)
        accepted.promptTokens = UInt32(engine.promptTokens)
        return accepted
    }
}

extension RequestFigures {
    fileprivate init(_ summary: Cprs_V1_Summary) {
        self.init()
        self.inputBytes = Int(summary.inputBytes)
        self.inputTokens = Int(summary.inputTokens)
        self.keptTokens = Int(summary.keptTokens)
        self.windows = Int(summary.windows)
        self.unscoredBytes = Int(summary.unscoredBytes)
        self.elapsed = .microseconds(Int64(summary.timings.totalUs))
    }
}
