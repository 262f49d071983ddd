internal import CPRSCore
internal import CPRSEngine
internal import CPRSWire

/// Follows one request from its chunks to its last decision; one task, a few windows in flight.
///
/// The next chunk is read only when every window of the one before was handed out, and a window is handed out only when
/// fewer than `maxWindowsInFlight` wait, so a sender that is ahead waits in the transport and memory does not grow with the
/// input.
struct RequestRun {
    /// The context, chunk by chunk; nil at its end.
    let nextChunk: @Sendable () async throws -> InputChunk?
    let score: @Sendable (SessionWindow) async throws -> CriticOutput
    /// Sends a message; suspends while the receiver does not read.
    let send: (Cprs_V1_Decisions) async throws -> Void
    /// Is told how long the first decision took.
    let onFirstDecision: (Duration) -> Void
    let maxWindowsInFlight: Int
    let maxContextBytes: Int?
    let deadline: Duration?
    let isPartial: Bool
    /// Shared by all requests, for steps that take long.
    let turns: Turns
    var engine: RequestEngine
    var recording: Recording?

    private var waiting: [InputChunk] = []
    private var isReading = false
    private var inputEnded = false
    private var inFlight = 0

    private enum Event: Sendable {
        case chunk(InputChunk?)
        case scored(SessionWindow, CriticOutput)
        case deadline
    }

    init(
        engine: RequestEngine, plan: RequestPlan, limits: ServiceLimits, recording: Recording?, turns: Turns,
        nextChunk: @escaping @Sendable () async throws -> InputChunk?,
        score: @escaping @Sendable (SessionWindow) async throws -> CriticOutput,
        onFirstDecision: @escaping (Duration) -> Void,
        send: @escaping (Cprs_V1_Decisions) async throws -> Void
    ) {
        self.engine = engine
        self.recording = recording
        self.turns = turns
        self.nextChunk = nextChunk
        self.score = score
        self.onFirstDecision = onFirstDecision
        self.send = send
        self.maxWindowsInFlight = limits.maxWindowsInFlight
        self.maxContextBytes = limits.maxContextBytes
        self.deadline = plan.deadline
        self.isPartial = plan.isPartial
    }

    /// Runs to the last decision. Every task that it starts has ended when it returns or throws.
    mutating func run() async throws {
        try await withThrowingTaskGroup(of: Event.self) { group in
            defer { group.cancelAll() }
            if let deadline = self.deadline {
                group.addTask {
                    try await Task.sleep(for: deadline)
                    return .deadline
                }
            }
            self.readNext(&group)
            while !self.isDone, let event = try await group.next() {
                try self.take(event)
                try await self.advance(&group)
            }
        }
    }

    private var isDone: Bool { self.engine.isFinished && self.waiting.isEmpty }

    private mutating func take(_ event: Event) throws {
        switch event {
        case .chunk(let chunk?):
            self.isReading = false
            self.waiting = chunk.slices(of: self.engine.stepBytes).reversed()
        case .chunk(nil):
            self.isReading = false
            self.inputEnded = true
        case .scored(let window, let output):
            self.inFlight -= 1
            self.engine.accept(output, for: window)
            self.recording?.append(output, window: window.index)
        case .deadline:
            guard self.isPartial else {
                throw ServiceError(
                    .deadlineExceeded,
                    "deadline_ms passed with \(self.engine.inputBytes) bytes read; ask for more time, or for PARTIAL")
            }
            self.engine.abandon()
            self.recording = nil
        }
    }

    /// Hands out what can be handed out, sends what became final, and reads on if there is room.
    private mutating func advance(_ group: inout ThrowingTaskGroup<Event, any Error>) async throws {
        // After the deadline nothing is scored, so windows that still run hold nothing up.
        while self.inFlight < self.maxWindowsInFlight || self.engine.isAbandoned {
            if let window = self.engine.nextWindow() {
                self.submit(window, &group)
            } else if let chunk = self.waiting.popLast() {
                try await self.append(chunk)
                // Others may compute too.
                await Task.yield()
            } else if self.inputEnded, !self.engine.inputHasEnded {
                try self.engine.finishInput()
            } else {
                break
            }
        }
        for message in try self.engine.takeMessages() {
            if message.finalBytes > 0, let time = self.engine.timings.decided() { self.onFirstDecision(time) }
            try await self.send(message)
        }
        if self.waiting.isEmpty { self.readNext(&group) }
    }

    private mutating func append(_ chunk: InputChunk) async throws {
        if let most = self.maxContextBytes, self.engine.inputBytes + chunk.bytes.count > most {
            var error = ServiceError(
                .contextTooLarge, "the context is longer than the \(most) bytes that this server takes")
            error.limit = most
            throw error
        }
        if self.engine.stepBytes < WireLimits.chunkBytes {
            await self.turns.take()
            defer { self.turns.give() }
            try Task.checkCancellation()
            try self.engine.append(chunk)
        } else {
            try self.engine.append(chunk)
        }
        self.recording?.append(chunk)
    }

    private mutating func submit(_ window: SessionWindow, _ group: inout ThrowingTaskGroup<Event, any Error>) {
        self.inFlight += 1
        let score = self.score
        group.addTask { .scored(window, try await score(window)) }
    }

    private mutating func readNext(_ group: inout ThrowingTaskGroup<Event, any Error>) {
        guard !self.isReading, !self.inputEnded else { return }
        self.isReading = true
        let nextChunk = self.nextChunk
        group.addTask { .chunk(try await nextChunk()) }
    }
}
