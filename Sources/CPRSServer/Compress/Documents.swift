internal import CPRSCore

/// Which document each byte of the input belongs to.
struct Documents: Sendable {
    private struct Document: Sendable {
        var id: String
        var start: Int
    }

    /// In the order of the input; the first one of interest is at `first`.
    private var documents: [Document] = []
    private var first = 0

    /// Takes the id that came with the bytes from `offset` on; an empty one goes on with the document before.
    mutating func append(id: String, at offset: Int) {
        guard !id.isEmpty, id != self.documents.last?.id else { return }
        // Of documents without a byte only the last one can be asked for.
        if self.documents.last?.start == offset { self.documents.removeLast() }
        self.documents.append(Document(id: id, start: offset))
    }

    /// Lets go of every document that ends before `offset`.
    mutating func release(before offset: Int) {
        while self.first + 1 < self.documents.count, self.documents[self.first + 1].start <= offset { self.first += 1 }
        if self.first > 1024, self.first > self.documents.count / 2 {
            self.documents.removeFirst(self.first)
            self.first = 0
        }
    }

    /// The document that holds `offset`; offsets are asked for in ascending order.
    mutating func document(at offset: Int) -> (id: String, start: Int) {
        self.release(before: offset)
        guard self.first < self.documents.count, self.documents[self.first].start <= offset else { return ("", 0) }
        return (self.documents[self.first].id, self.documents[self.first].start)
    }
}
