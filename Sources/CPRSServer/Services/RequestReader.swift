internal import CPRSWire
internal import GRPCCore

/// Reads a call's messages one at a time, each when it is asked for.
actor RequestReader {
    private var messages: RPCAsyncSequence<Cprs_V1_CompressRequest, any Error>.AsyncIterator

    init(_ messages: RPCAsyncSequence<Cprs_V1_CompressRequest, any Error>) {
        self.messages = messages.makeAsyncIterator()
    }

    /// The message that a call starts with.
    ///
    /// - Throws: `invalidArgument` if it is another one.
    func begin() async throws -> Cprs_V1_Begin {
        guard let message = try await self.next() else {
            throw ServiceError.invalid("begin", "must be sent first (got the end of the stream)")
        }
        guard case .begin(let begin)? = message.part else {
            throw ServiceError.invalid(
                "begin", "must be sent first (got \(message.part == nil ? "nothing" : "a chunk"))")
        }
        return begin
    }

    /// The next chunk; nil at the end of the context.
    func nextChunk() async throws -> InputChunk? {
        guard let message = try await self.next() else { return nil }
        guard case .chunk(let chunk)? = message.part else {
            throw ServiceError.invalid(
                "chunk",
                "is expected after the first message (got \(message.part == nil ? "nothing" : "another begin"))")
        }
        try chunk.validate()
        return InputChunk(bytes: [UInt8](wire: chunk.text), documentID: chunk.documentID)
    }

    /// - Throws: `cancelled` when the stream breaks; what is wrong with a message that cannot be read.
    private func next() async throws -> Cprs_V1_CompressRequest? {
        var messages = self.messages
        defer { self.messages = messages }
        do { return try await messages.next(isolation: self) } catch {
            throw ServiceError(broken: error)
        }
    }
}

extension ServiceError {
    /// Why a stream broke: through what was sent over it, or because its other end is gone.
    init(broken error: any Error) {
        self.init(any: error)
        let isAboutAMessage = self.reason == .invalidArgument || self.reason == .overloaded
        if !isAboutAMessage, !(error is ServiceError) { self = Self(.cancelled, "the caller went away") }
    }
}
