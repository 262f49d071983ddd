internal import CPRSCore
internal import CPRSEngine
internal import CPRSTokenizer
package import CPRSWire
package import GRPCCore

/// The compressor's RPCs over a scoring seam.
package final class CompressService: Sendable {
    let models: any ModelProviding
    package let limits: ServiceLimits
    let observer: any ServiceObserver
    let store: RecutStore
    /// For the costly steps of all requests.
    let turns = Turns()
    /// Who may start a request.
    package let gate: AdmissionGate
    private let began = ContinuousClock.now

    package init(models: any ModelProviding, limits: ServiceLimits, observer: any ServiceObserver = SilentObserver()) {
        self.models = models
        self.limits = limits
        self.observer = observer
        self.store = RecutStore(capacity: limits.maxRetainedBytes, retention: limits.retention)
        self.gate = AdmissionGate(limits: limits)
    }

    /// Lets go of recordings whose time is over. Call it now and then: text must not stay longer than was promised.
    package func removeExpiredRecordings() { self.store.removeExpired() }

    /// Bytes held for `Recut`.
    package var retainedBytes: Int { self.store.byteCount }
}

extension CompressService: Cprs_V1_ContextCompressor.ServiceProtocol {
    package func compress(
        request: StreamingServerRequest<Cprs_V1_CompressRequest>, context: ServerContext
    ) async throws -> StreamingServerResponse<Cprs_V1_CompressResponse> {
        let scope = CallScope(request.metadata)
        let reader = RequestReader(request.messages)
        return StreamingServerResponse { writer in
            try await scope.run(context) {
                let (plan, model) = try await self.prepare("Compress", scope) {
                    let begin = try await reader.begin()
                    let model = self.models.current()
                    return (try RequestPlan(begin, model: model), model)
                }
                let source = RequestSource(model: model, nextChunk: { try await reader.nextChunk() })
                let name = Self.name("Compress", plan, scope)
                try await self.admit(name, scope) {
                    try await self.run(plan, name: name, source: source) { try await writer.deliver($0) }
                }
                return [:]
            }
        }
    }

    package func compressText(
        request: ServerRequest<Cprs_V1_CompressTextRequest>, context: ServerContext
    ) async throws -> ServerResponse<Cprs_V1_CompressTextResponse> {
        let scope = CallScope(request.metadata, textField: "text")
        return try await scope.run(context) {
            var begin = request.message.begin
            begin.includeText = true
            let model = self.models.current()
            let plan = try await self.prepare("CompressText", scope) { [begin] in
                try RequestPlan(begin, model: model)
            }
            let text = InputChunk(bytes: [UInt8](wire: request.message.text), documentID: "")
            let source = RequestSource(model: model, chunks: [text])
            let name = Self.name("CompressText", plan, scope)
            return try await self.admit(name, scope) {
                let answer = TextAnswer()
                try await self.run(plan, name: name, source: source) { await answer.append($0) }
                return ServerResponse(message: try await answer.response(maxBytes: self.limits.maxMessageBytes))
            }
        }
    }

    package func recut(
        request: ServerRequest<Cprs_V1_RecutRequest>, context: ServerContext
    ) async throws -> StreamingServerResponse<Cprs_V1_CompressResponse> {
        let scope = CallScope(request.metadata)
        return StreamingServerResponse { writer in
            try await scope.run(context) {
                let recut = request.message
                let (plan, recording) = try await self.prepare("Recut", scope) {
                    let recording = try self.store.recording(id: recut.requestID, userID: scope.userID)
                    return (try RequestPlan(recut, of: recording.request), recording)
                }
                let source = RequestSource(recording: recording)
                let name = Self.name("Recut", plan, scope)
                try await self.admit(name, scope) {
                    try await self.run(plan, name: name, source: source) { try await writer.deliver($0) }
                }
                return [:]
            }
        }
    }

    package func countTokens(
        request: ServerRequest<Cprs_V1_CountTokensRequest>, context: ServerContext
    ) async throws -> ServerResponse<Cprs_V1_CountTokensResponse> {
        let scope = CallScope(request.metadata, textField: "text")
        return try await scope.run(context) {
            let client = ClientIdentity(userID: scope.userID)
            let name = RequestName(method: "CountTokens", id: Self.newID(), clientRequestID: "", client: client)
            return try await self.admit(name, scope) {
                let model = self.models.current()
                var tokenizer = StreamingTokenizer(model.tokenizer, specialTokens: .text)
                var response = Cprs_V1_CountTokensResponse()
                let text = InputChunk(bytes: [UInt8](wire: request.message.text), documentID: "")
                for slice in text.slices() {
                    var tokens: [Token] = []
                    try tokenizer.append(slice.bytes, into: &tokens)
                    response.tokens += UInt64(tokens.count)
                    await Task.yield()
                }
                var tokens: [Token] = []
                try tokenizer.finish(into: &tokens)
                response.tokens += UInt64(tokens.count)
                response.model = model.wire
                self.observer.record(.answered(name))
                return ServerResponse(message: response)
            }
        }
    }

    package func getModelInfo(
        request: ServerRequest<Cprs_V1_GetModelInfoRequest>, context: ServerContext
    ) async throws -> ServerResponse<Cprs_V1_GetModelInfoResponse> {
        let model = self.models.current()
        var response = Cprs_V1_GetModelInfoResponse()
        response.model = model.wire
        response.limits = self.limits.wire
        response.presets = model.presets.map(\.wire)
        return ServerResponse(message: response)
    }

    package func getStatus(
        request: ServerRequest<Cprs_V1_GetStatusRequest>, context: ServerContext
    ) async throws -> ServerResponse<Cprs_V1_GetStatusResponse> {
        let load = self.models.load
        var response = Cprs_V1_GetStatusResponse()
        response.model = self.models.current().wire
        response.serving = !self.gate.isDraining
        response.uptimeMs = UInt64((ContinuousClock.now - self.began).seconds * 1000)
        response.activeRequests = UInt32(self.gate.active)
        response.admittedRequests = UInt64(self.gate.admitted)
        response.queuedWindows = UInt64(load.queuedWindows)
        response.queuedTokens = UInt64(load.queuedTokens)
        response.scoredWindows = UInt64(load.scoredWindows)
        response.scoredTokens = UInt64(load.scoredTokens)
        response.tokensPerSecond = load.tokensPerSecond ?? 0
        response.limits = self.limits.wire
        return ServerResponse(message: response)
    }

    private static func name(_ method: String, _ plan: RequestPlan, _ scope: CallScope) -> RequestName {
        RequestName(
            method: method, id: self.newID(), clientRequestID: plan.clientRequestID,
            client: ClientIdentity(userID: scope.userID, requestClass: plan.requestClass))
    }

    /// 128 random bits: nobody guesses another user's.
    private static func newID() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let digits = String(generator.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
