internal import CPRSCore
internal import CPRSTensors

/// A text file of token ids.
enum TokenIDFile {
    /// Largest file that is read.
    private static let maxBytes = 16 << 20

    /// Reads decimal ids, apart by white space.
    ///
    /// - Throws: `notFound` if the file cannot be read; `invalidArgument` naming the first word that is no id.
    static func read(_ path: String) throws(CPRSError) -> [TokenID] {
        let text = String(decoding: try MappedFile.read(path: path, limit: Self.maxBytes), as: UTF8.self)
        var ids: [TokenID] = []
        for word in text.split(whereSeparator: \.isWhitespace) {
            guard let id = TokenID(word), id >= 0 else {
                throw CPRSError(
                    code: .invalidArgument, message: "\(path): item \(ids.count) must be a token id (got \"\(word)\")")
            }
            ids.append(id)
        }
        return ids
    }
}
