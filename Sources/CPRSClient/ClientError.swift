internal import CPRSWire
internal import GRPCCore

/// Why a call failed.
public struct ClientError: Error, Hashable, Sendable {
    /// What kind of failure it is.
    public var code: Code
    /// One or two sentences: field, allowed range, value received.
    public var message: String
    /// The field that was refused, by its name in the protocol.
    public var field: String?
    /// Offset of the first byte of the context that was refused.
    public var byteOffset: Int?
    /// The least budget that would do, in tokens.
    public var minimumTokens: Int?
    /// The limit that was exceeded, in bytes.
    public var limit: Int?
    /// When the same call may succeed.
    public var retryAfter: Duration?

    /// Creates an error.
    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    /// The kind of a failure; a struct, so that adding one breaks nobody's `switch`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code's stable name.
        public let description: String

        /// A field is outside its allowed range.
        public static let invalidArgument = Self(description: "invalidArgument")
        /// The context is empty or not UTF-8.
        public static let invalidText = Self(description: "invalidText")
        /// The daemon is busy.
        public static let overloaded = Self(description: "overloaded")
        /// The context is longer than the daemon takes.
        public static let contextTooLarge = Self(description: "contextTooLarge")
        /// What must be kept is larger than the budget.
        public static let budgetTooSmall = Self(description: "budgetTooSmall")
        /// The scores that a recut needs are no longer held.
        public static let expired = Self(description: "expired")
        /// No request of this user has that id.
        public static let notFound = Self(description: "notFound")
        /// The deadline passed.
        public static let deadlineExceeded = Self(description: "deadlineExceeded")
        /// The daemon is away or stopping.
        public static let unavailable = Self(description: "unavailable")
        /// The caller stopped waiting.
        public static let cancelled = Self(description: "cancelled")
        /// A defect in the daemon or in this library.
        public static let `internal` = Self(description: "internal")
    }
}

extension ClientError: CustomStringConvertible {
    /// `message`, preceded by the code.
    public var description: String { "\(self.code): \(self.message)" }
}

extension ClientError {
    /// Any error that a call may end with.
    init(any error: any Error) {
        if let error = error as? ClientError {
            self = error
            return
        }
        if error is RuntimeError {
            self.init(code: .unavailable, message: "the client was closed: \(error)")
            return
        }
        let error = ServiceError(any: error)
        self.init(code: Code(error.reason), message: error.message)
        self.field = error.field
        self.byteOffset = error.byteOffset
        self.minimumTokens = error.minimumTokens
        self.limit = error.limit
        self.retryAfter = error.retryAfter
    }

    /// Whether the same call may succeed later.
    var isTransient: Bool { self.code == .unavailable || self.code == .overloaded }
}

extension ClientError.Code {
    fileprivate init(_ reason: ServiceError.Reason) {
        switch reason {
        case .invalidArgument: self = .invalidArgument
        case .invalidText: self = .invalidText
        case .overloaded: self = .overloaded
        case .contextTooLarge: self = .contextTooLarge
        case .budgetTooSmall: self = .budgetTooSmall
        case .expired: self = .expired
        case .notFound: self = .notFound
        case .deadlineExceeded: self = .deadlineExceeded
        case .cancelled: self = .cancelled
        case .draining: self = .unavailable
        case .internal: self = .internal
        }
    }
}
