/// What went wrong, in terms a caller can act on.
///
/// `code` says what kind of failure it is and is stable across releases; `message` carries the values that made it go
/// wrong and how to fix it; `cause` is for the log.
public struct CPRSError: Error, Sendable {
    /// What kind of failure it is.
    public var code: Code
    /// One or two sentences for a person: field, allowed range, value received.
    public var message: String
    /// What a program can act on without reading the message.
    public var details: Details
    /// The error below this one, for the log.
    public var cause: (any Error)?

    /// Creates an error.
    public init(code: Code, message: String, details: Details = Details(), cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.details = details
        self.cause = cause
    }
}

extension CPRSError {
    /// The figures of a failure; what does not apply is nil.
    public struct Details: Hashable, Sendable {
        /// What was refused: `window`, `query`, `tags`, `keepLiterals`, `keepRegexes` …
        public var field: String?
        /// Offset of the first byte of the text that was refused.
        public var byteOffset: Int?
        /// The least budget that would do, in tokens.
        public var minimumTokens: Int?
        /// When the same request may succeed.
        public var retryAfter: Duration?

        /// Creates details; name those that apply.
        public init(
            field: String? = nil, byteOffset: Int? = nil, minimumTokens: Int? = nil, retryAfter: Duration? = nil
        ) {
            self.field = field
            self.byteOffset = byteOffset
            self.minimumTokens = minimumTokens
            self.retryAfter = retryAfter
        }
    }
}

extension CPRSError {
    /// The kind of a failure; a struct, so that adding one breaks nobody's `switch`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case invalidArgument, invalidText, modelUnusable, notFound, notWritten, budgetTooSmall, overloaded,
                cancelled, `internal`
        }
        private var kind: Kind

        /// A request field is outside its allowed range.
        public static let invalidArgument = Self(kind: .invalidArgument)
        /// The text is not valid UTF-8.
        public static let invalidText = Self(kind: .invalidText)
        /// A model, tokenizer or config file is missing, damaged or of an unsupported kind.
        public static let modelUnusable = Self(kind: .modelUnusable)
        /// A file or folder does not exist or cannot be read.
        public static let notFound = Self(kind: .notFound)
        /// A file could not be created or written.
        public static let notWritten = Self(kind: .notWritten)
        /// What must be kept is larger than the budget.
        public static let budgetTooSmall = Self(kind: .budgetTooSmall)
        /// The queue is full; the same request may succeed later.
        public static let overloaded = Self(kind: .overloaded)
        /// The caller stopped waiting.
        public static let cancelled = Self(kind: .cancelled)
        /// A defect in this program.
        public static let `internal` = Self(kind: .internal)

        /// The code's stable name, such as `invalidArgument`.
        public var description: String { self.kind.rawValue }
    }
}

extension CPRSError: CustomStringConvertible {
    /// `message`, preceded by the code.
    public var description: String { "\(self.code): \(self.message)" }
}
