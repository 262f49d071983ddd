package import CPRSCore

/// Joins the three places that settings come from: flags win over the environment, which wins over the file.
package enum SettingSources {
    /// - Parameters:
    ///   - flags: what the command line sets.
    ///   - environment: the process's environment; an empty variable counts as not set.
    ///   - file: path and contents of the configuration file.
    /// - Throws: `invalidArgument` for a line of the file or a `CPRSD_` variable that sets nothing we know.
    package static func merge(
        flags: [Setting: String], environment: [String: String], file: (path: String, text: String)?
    ) throws(CPRSError) -> [Setting: SettingText] {
        var settings: [Setting: SettingText] = [:]
        if let file { settings = try Self.parse(file.text, path: file.path) }
        let known = Dictionary(uniqueKeysWithValues: Setting.allCases.map { ($0.variable, $0) })
        for (name, text) in environment where name.hasPrefix("CPRSD_") && name != Self.configVariable {
            guard let setting = known[name] else {
                throw CPRSError(code: .invalidArgument, message: "\(name) is not a variable that cprsd knows")
            }
            if !text.isEmpty { settings[setting] = SettingText(text: text, source: name) }
        }
        for (setting, text) in flags { settings[setting] = SettingText(text: text, source: "--" + setting.rawValue) }
        return settings
    }

    /// Names the configuration file when no flag does.
    package static let configVariable = "CPRSD_CONFIG"

    /// `name = value` lines; `#` starts a comment line, blank lines are skipped, the last of two equal names is an error.
    static func parse(_ text: String, path: String) throws(CPRSError) -> [Setting: SettingText] {
        var settings: [Setting: SettingText] = [:]
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.trimmed
            if line.isEmpty || line.hasPrefix("#") { continue }
            let place = "\(path):\(index + 1)"
            guard let equals = line.firstIndex(of: "=") else {
                throw CPRSError(code: .invalidArgument, message: "\(place) must be 'name = value' (got '\(line)')")
            }
            let name = line[..<equals].trimmed
            guard let setting = Setting(rawValue: name) else {
                throw CPRSError(
                    code: .invalidArgument,
                    message: "\(place): '\(name)' is not a setting; they are "
                        + Setting.allCases.map(\.rawValue).joined(separator: ", "))
            }
            if let first = settings[setting] {
                throw CPRSError(
                    code: .invalidArgument, message: "\(place): '\(name)' is set already at \(first.source)")
            }
            settings[setting] = SettingText(text: line[line.index(after: equals)...].trimmed, source: place)
        }
        return settings
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    fileprivate var trimmed: String {
        let start = self.firstIndex { !$0.isWhitespace } ?? self.endIndex
        let end = self.lastIndex { !$0.isWhitespace }.map { self.index(after: $0) } ?? self.endIndex
        return String(self[start..<end])
    }
}
