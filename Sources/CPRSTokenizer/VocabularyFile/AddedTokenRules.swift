internal import CPRSCore
internal import CPRSJSON

/// What an added token may ask for: to be matched as it is, in the text as it was given.
enum AddedTokenRules {
    /// - Throws: `modelUnusable` if the token asks for more.
    static func check(_ token: JSONObject, _ content: String, name: String) throws(CPRSError) {
        for flag in ["single_word", "lstrip", "rstrip", "normalized"] {
            guard token[flag] == nil || token[flag] == .bool(false) else {
                throw CPRSError(
                    code: .modelUnusable,
                    message: "\(name): the added token \"\(content)\" must have \(flag) false, true is not implemented")
            }
        }
    }
}
