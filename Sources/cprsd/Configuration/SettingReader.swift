internal import CPRSCore
internal import CPRSTensors
internal import Glibc

/// Turns texts into values, and says where a text that is none came from.
struct SettingReader {
    let settings: [Setting: SettingText]

    func text(_ setting: Setting) -> String? { self.settings[setting]?.text }

    /// An absolute path.
    func path(_ setting: Setting) throws(CPRSError) -> String? {
        guard let text = self.text(setting) else { return nil }
        guard text.hasPrefix("/") else { throw self.refusal(setting, "must be an absolute path") }
        return text
    }

    /// A whole number; `_` may group digits.
    func integer(_ setting: Setting, in range: ClosedRange<Int>) throws(CPRSError) -> Int? {
        guard let text = self.text(setting) else { return nil }
        guard let value = Int(text.filter { $0 != "_" }), range.contains(value) else {
            throw self.refusal(setting, "must be a whole number in \(range)")
        }
        return value
    }

    /// A count of seconds, with a fraction if need be.
    func seconds(_ setting: Setting, in range: ClosedRange<Double>) throws(CPRSError) -> Duration? {
        guard let text = self.text(setting) else { return nil }
        guard let value = Double(text), range.contains(value) else {
            throw self.refusal(setting, "must be a number of seconds in \(range)")
        }
        return .seconds(value)
    }

    /// An arithmetic, by its name.
    func precision(_ setting: Setting) throws(CPRSError) -> Precision? {
        guard let text = self.text(setting) else { return nil }
        guard let value = Precision(rawValue: text) else {
            throw self.refusal(setting, "must be one of \(Precision.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
    }

    /// Permission bits in octal.
    func mode(_ setting: Setting) throws(CPRSError) -> UInt32? {
        guard let text = self.text(setting) else { return nil }
        guard let value = UInt32(text, radix: 8), value <= 0o777 else {
            throw self.refusal(setting, "must be an octal mode in 0...777, such as 0660")
        }
        return value
    }

    /// A group, by name or number.
    func group(_ setting: Setting) throws(CPRSError) -> UInt32? {
        guard let text = self.text(setting) else { return nil }
        return try self.groupID(text, setting)
    }

    /// Users, by names or numbers, separated by commas.
    func users(_ setting: Setting) throws(CPRSError) -> Set<UInt32>? {
        try self.list(setting) { name throws(CPRSError) in
            if let id = UInt32(name) { return id }
            guard let entry = getpwnam(name) else { throw self.refusal(setting, "names an unknown user '\(name)'") }
            return entry.pointee.pw_uid
        }
    }

    /// Groups, by names or numbers, separated by commas.
    func groups(_ setting: Setting) throws(CPRSError) -> Set<UInt32>? {
        try self.list(setting) { name throws(CPRSError) in try self.groupID(name, setting) }
    }

    func refusal(_ setting: Setting, _ rule: String) -> CPRSError {
        let set = self.settings[setting]
        return CPRSError(
            code: .invalidArgument,
            message: "\(setting.rawValue) \(rule) (got '\(set?.text ?? "")' from \(set?.source ?? "the default"))")
    }

    private func list(
        _ setting: Setting, _ id: (String) throws(CPRSError) -> UInt32
    ) throws(CPRSError) -> Set<UInt32>? {
        guard let text = self.text(setting) else { return nil }
        var ids: Set<UInt32> = []
        for name in text.split(separator: ",") {
            ids.insert(try id(String(name.filter { !$0.isWhitespace })))
        }
        // An empty list would shut everybody out, which nobody asks for by leaving a value away.
        return ids.isEmpty ? nil : ids
    }

    private func groupID(_ name: String, _ setting: Setting) throws(CPRSError) -> UInt32 {
        if let id = UInt32(name) { return id }
        guard let entry = getgrnam(name) else { throw self.refusal(setting, "names an unknown group '\(name)'") }
        return entry.pointee.gr_gid
    }
}
