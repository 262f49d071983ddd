package import CPRSCore

/// Why a call failed, with the figures that a caller can act on.
package struct ServiceError: Error, Hashable, Sendable {
    /// `google.rpc.ErrorInfo.reason`.
    package enum Reason: String, CaseIterable, Sendable {
        case invalidArgument = "INVALID_ARGUMENT"
        case invalidText = "INVALID_TEXT"
        case overloaded = "OVERLOADED"
        case contextTooLarge = "CONTEXT_TOO_LARGE"
        case budgetTooSmall = "BUDGET_TOO_SMALL"
        case expired = "EXPIRED"
        case notFound = "NOT_FOUND"
        case deadlineExceeded = "DEADLINE_EXCEEDED"
        case cancelled = "CANCELLED"
        case draining = "DRAINING"
        case `internal` = "INTERNAL"
    }

    package var reason: Reason
    /// One or two sentences: field, allowed range, value received.
    package var message: String
    /// The field that was refused, by its name in the protocol.
    package var field: String?
    /// Offset of the first byte of the context that was refused.
    package var byteOffset: Int?
    /// The least budget that would do, in tokens.
    package var minimumTokens: Int?
    /// The limit that was exceeded, in bytes.
    package var limit: Int?
    /// When the same request may succeed.
    package var retryAfter: Duration?

    package init(_ reason: Reason, _ message: String, field: String? = nil) {
        self.reason = reason
        self.message = message
        self.field = field
    }

    /// A field is out of its range.
    package static func invalid(_ field: String, _ message: String) -> Self {
        Self(.invalidArgument, "\(field) \(message)", field: field)
    }
}

extension ServiceError {
    /// An error of the engine or the model.
    package init(_ error: CPRSError) {
        switch error.code {
        case .invalidArgument:
            self.init(.invalidArgument, error.message, field: error.details.field.map(Self.protocolName))
        case .invalidText:
            self.init(.invalidText, error.message, field: "chunk.text")
            self.byteOffset = error.details.byteOffset
        case .budgetTooSmall:
            self.init(.budgetTooSmall, error.message, field: "selection.budget")
            self.minimumTokens = error.details.minimumTokens
        case .overloaded:
            self.init(.overloaded, error.message)
            self.retryAfter = error.details.retryAfter ?? Self.overloadDelay
        case .cancelled: self.init(.cancelled, error.message)
        default: self.init(.internal, error.message)
        }
    }

    /// When a full queue is worth another try.
    package static let overloadDelay: Duration = .milliseconds(500)

    /// A field of the engine's request, by its name in the protocol.
    private static func protocolName(_ field: String) -> String {
        switch field {
        case "window": "window_tokens"
        case "threshold": "selection.threshold"
        case "maxTokens": "selection.max_tokens"
        case "ratio": "selection.ratio"
        case "minSpanTokens": "selection.min_span_tokens"
        case "decoding": "selection.decoding"
        case "keepLiterals": "selection.keep_literals"
        case "keepRegexes": "selection.keep_regexes"
        // `query`, `tags` and `instruction` are called the same.
        default: field
        }
    }
}

extension ServiceError: CustomStringConvertible {
    package var description: String { "\(self.reason.rawValue): \(self.message)" }
}
