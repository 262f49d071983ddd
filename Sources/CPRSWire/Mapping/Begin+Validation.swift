// Checks that need no model. Messages say the field by its name in the protocol, the range and the value received.

extension Cprs_V1_Begin {
    /// - Throws: `invalidArgument` naming the field.
    package func validate() throws(ServiceError) {
        if self.clientRequestID.utf8.count > WireLimits.maxClientRequestIDBytes {
            throw .invalid(
                "client_request_id",
                "must be at most \(WireLimits.maxClientRequestIDBytes) bytes (got \(self.clientRequestID.utf8.count))")
        }
        if case .instruction(let text)? = self.task, text.isEmpty {
            throw .invalid("instruction", "must not be empty; leave it unset for preset 'fact'")
        }
        try Self.validate(list: self.tags, "tags")
        for (index, tag) in self.tags.enumerated() where tag.utf8.count > WireLimits.maxTagBytes {
            throw .invalid(
                "tags", "must have at most \(WireLimits.maxTagBytes) bytes each (entry \(index) has \(tag.utf8.count))")
        }
        if Set(self.tags).count != self.tags.count { throw .invalid("tags", "must differ (got \(self.tags))") }
        if case .UNRECOGNIZED(let value) = self.deadlinePolicy {
            throw .invalid("deadline_policy", "must be one of FAIL (1), PARTIAL (2) (got \(value))")
        }
        if case .UNRECOGNIZED(let value) = self.requestClass {
            throw .invalid("request_class", "must be one of INTERACTIVE (1), BATCH (2) (got \(value))")
        }
        try self.selection.validate()
        if self.deadlinePolicy == .partial, self.selection.budget != nil {
            throw .invalid(
                "deadline_policy",
                "PARTIAL keeps what was not scored in time, which could exceed the budget; use FAIL or drop the budget")
        }
        if self.deadlinePolicy == .partial, self.deadlineMs == 0 {
            throw .invalid("deadline_ms", "must be at least 1 with deadline_policy PARTIAL (got 0)")
        }
    }

    fileprivate static func validate(list: [String], _ field: String) throws(ServiceError) {
        if list.count > WireLimits.maxListEntries {
            throw .invalid(field, "must have at most \(WireLimits.maxListEntries) entries (got \(list.count))")
        }
        if let index = list.firstIndex(of: "") { throw .invalid(field, "must not hold an empty text (entry \(index))") }
    }
}

extension Cprs_V1_Selection {
    /// - Throws: `invalidArgument` naming the field.
    package func validate() throws(ServiceError) {
        if case .UNRECOGNIZED(let value) = self.granularity {
            throw .invalid("selection.granularity", "must be in 0...6 (got \(value))")
        }
        if case .UNRECOGNIZED(let value) = self.decoding {
            throw .invalid("selection.decoding", "must be in 0...2 (got \(value))")
        }
        if self.hasThreshold, !(self.threshold >= 0 && self.threshold <= 1) {
            throw .invalid("selection.threshold", "must be in 0...1 (got \(self.threshold))")
        }
        switch self.budget {
        case .maxTokens(let tokens) where tokens < 1 || tokens > Int.max:
            throw .invalid("selection.max_tokens", "must be at least 1 (got \(tokens))")
        case .ratio(let ratio) where !(ratio > 0 && ratio <= 1):
            throw .invalid("selection.ratio", "must be above 0 and at most 1 (got \(ratio))")
        default: break
        }
        try Cprs_V1_Begin.validate(list: self.keepLiterals, "selection.keep_literals")
        try Cprs_V1_Begin.validate(list: self.keepRegexes, "selection.keep_regexes")
        if self.decoding == .reference { try self.validateReference() }
    }

    private func validateReference() throws(ServiceError) {
        let reason = "has no meaning with decoding REFERENCE; use DEFAULT"
        if self.hasThreshold { throw .invalid("selection.threshold", reason) }
        switch self.budget {
        case .maxTokens: throw .invalid("selection.max_tokens", reason)
        case .ratio: throw .invalid("selection.ratio", reason)
        case nil: break
        }
        if !self.keepLiterals.isEmpty { throw .invalid("selection.keep_literals", reason) }
        if !self.keepRegexes.isEmpty { throw .invalid("selection.keep_regexes", reason) }
    }
}

extension Cprs_V1_Chunk {
    /// - Throws: `invalidArgument` naming the field.
    package func validate() throws(ServiceError) {
        if self.documentID.utf8.count > WireLimits.maxDocumentIDBytes {
            throw .invalid(
                "chunk.document_id",
                "must be at most \(WireLimits.maxDocumentIDBytes) bytes (got \(self.documentID.utf8.count))")
        }
    }
}
