internal import CPRSCore
internal import CPRSDigest
internal import CPRSJSON

/// Says which input, which output and which model belong together; `cprs verify` checks it without a model.
///
/// Written as one JSON object:
/// `{"cprs_receipt":1,"model":{"name":…,"sha256":…},"input":{"bytes":…,"tokens":…,"sha256":…},"kept":{…}}`.
struct Receipt: Hashable, Sendable {
    /// A text, by size and digest.
    struct Text: Hashable, Sendable {
        var bytes: Int
        var tokens: Int
        /// 32 bytes.
        var sha256: [UInt8]
    }

    /// The version of the format.
    private static let version = 1

    var model: ModelIdentity
    var input: Text
    /// The kept pieces, one after the other.
    var kept: Text

    init(model: ModelIdentity, input: Text, kept: Text) {
        self.model = model
        self.input = input
        self.kept = kept
    }

    /// Reads a receipt.
    ///
    /// - Throws: `invalidText` naming the file and what is missing.
    init(json: [UInt8], name: String) throws(CPRSError) {
        func invalid(_ what: String) -> CPRSError { CPRSError(code: .invalidText, message: "\(name): \(what)") }
        guard let object = (try? JSONValue(json, name: name))?.object, let version = object["cprs_receipt"]?.integer
        else {
            throw invalid("is not a receipt: it has no cprs_receipt")
        }
        guard version == Self.version else {
            throw invalid("cprs_receipt must be \(Self.version) (got \(version))")
        }
        func text(_ key: String) throws(CPRSError) -> Text {
            guard let part = object[key]?.object, let bytes = part["bytes"]?.integer,
                let digits = part["sha256"]?.string, let digest = Hexadecimal.bytes(digits),
                digest.count == SHA256Digest.byteCount
            else { throw invalid("\(key) must hold bytes, a number, and sha256, 64 hexadecimal digits") }
            return Text(bytes: bytes, tokens: part["tokens"]?.integer ?? 0, sha256: digest)
        }
        let model = object["model"]?.object
        self.model = ModelIdentity(name: model?["name"]?.string ?? "", sha256: model?["sha256"]?.string ?? "")
        self.input = try text("input")
        self.kept = try text("kept")
    }

    /// The receipt as it is written.
    var json: String {
        func text(_ text: Text) -> String {
            "{\"bytes\":\(text.bytes),\"tokens\":\(text.tokens),\"sha256\":\"\(Hexadecimal.digits(text.sha256))\"}"
        }
        let model = "{\"name\":\(JSONText.quoted(self.model.name)),\"sha256\":\(JSONText.quoted(self.model.sha256))}"
        return "{\"cprs_receipt\":\(Self.version),\"model\":\(model),\n"
            + " \"input\":\(text(self.input)),\n \"kept\":\(text(self.kept))}\n"
    }
}
