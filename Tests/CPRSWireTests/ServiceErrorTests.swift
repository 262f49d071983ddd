internal import CPRSCore
internal import CPRSWire
internal import GRPCCore
internal import Testing

@Suite struct ServiceErrorTests {
    @Test("an error survives its trip as a gRPC status, figures included", arguments: ServiceError.Reason.allCases)
    func roundTrip(reason: ServiceError.Reason) {
        var error = ServiceError(reason, "threshold must be in 0...1 (got 2.0)", field: "selection.threshold")
        error.byteOffset = 17
        error.minimumTokens = 4
        error.limit = 1 << 40
        error.retryAfter = .milliseconds(1250)
        #expect(ServiceError(error.rpcError) == error)
        let bare = ServiceError(reason, "no figures")
        #expect(ServiceError(bare.rpcError) == bare)
    }

    @Test(
        "every reason travels under the code of the protocol's table",
        arguments: [
            ("INVALID_ARGUMENT", 3), ("INVALID_TEXT", 3), ("OVERLOADED", 8), ("CONTEXT_TOO_LARGE", 8),
            ("BUDGET_TOO_SMALL", 9), ("EXPIRED", 9), ("NOT_FOUND", 5), ("DEADLINE_EXCEEDED", 4), ("CANCELLED", 1),
            ("DRAINING", 14), ("INTERNAL", 13),
        ])
    func codes(name: String, code: Int) throws {
        let reason = try #require(ServiceError.Reason(rawValue: name))
        #expect(ServiceError(reason, "x").rpcError.code.rawValue == code)
    }

    @Test("a status without our details still says what it most likely means")
    func foreign() {
        #expect(ServiceError(RPCError(code: .unavailable, message: "no socket")).reason == .draining)
        #expect(ServiceError(RPCError(code: .deadlineExceeded, message: "")).reason == .deadlineExceeded)
        #expect(ServiceError(RPCError(code: .dataLoss, message: "")).reason == .internal)
    }

    @Test("an error's details arrive as figures, whatever its sentence says")
    func details() {
        let text = ServiceError(
            CPRSError(code: .invalidText, message: "broken at byte 9", details: .init(byteOffset: 42)))
        #expect(text.byteOffset == 42)
        let budget = ServiceError(
            CPRSError(code: .budgetTooSmall, message: "too small", details: .init(minimumTokens: 12)))
        #expect(budget.minimumTokens == 12)
        let field = ServiceError(CPRSError(code: .invalidArgument, message: "no", details: .init(field: "window")))
        #expect(field.field == "window_tokens")
        let busy = ServiceError(
            CPRSError(code: .overloaded, message: "full", details: .init(retryAfter: .milliseconds(1250))))
        #expect(busy.retryAfter == .milliseconds(1250))
    }

    @Test("an error without details has no figures, whatever its sentence says")
    func noDetails() {
        let text = ServiceError(CPRSError(code: .invalidText, message: "the text is not valid UTF-8 at byte 42 (0xFF)"))
        #expect(text.byteOffset == nil)
        let budget = ServiceError(CPRSError(code: .budgetTooSmall, message: "allow at least 12 tokens or force less"))
        #expect(budget.minimumTokens == nil)
        #expect(ServiceError(CPRSError(code: .invalidArgument, message: "window must be 1")).field == nil)
    }

    @Test("a message that quotes a long text is cut at a character, so that every client takes the trailers")
    func longMessage() throws {
        for text in ["x", "é", "界", "😀"] {
            let quoted = String(repeating: text, count: 1 << 20)
            let long = ServiceError.invalid("preset", "must be 'fact' (got '\(quoted)')")
            let error = ServiceError(long.rpcError)
            #expect(error.message.utf8.count <= ServiceError.messageBytes)
            #expect(error.message.utf8.count > ServiceError.messageBytes - 8)
            #expect(error.message.hasSuffix(text + "…") && error.field == "preset")
            let size = long.rpcError.metadata.reduce(0) { $0 + $1.key.utf8.count + $1.value.encoded().utf8.count }
            // Each byte of the status message may travel as three.
            #expect(size + 3 * ServiceError.messageBytes < 8 << 10, "\(size)")
        }
        let short = ServiceError.invalid("preset", String(repeating: "y", count: ServiceError.messageBytes - 7))
        #expect(ServiceError(short.rpcError) == short)
    }
}
