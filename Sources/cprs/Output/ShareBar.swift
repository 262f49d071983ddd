internal import CPRSCore

/// One line on the terminal that says how much of a known number of bytes is done; nothing if nobody is looking.
struct ShareBar {
    private let what: String
    private let isShown = Console.errorIsTerminal
    private let clock = ContinuousClock()
    private var drawn: ContinuousClock.Instant?

    /// - Parameter what: was done to the bytes: "packed".
    init(what: String) { self.what = what }

    /// Redraws the line, at most ten times a second.
    mutating func update(_ bytes: Int, of total: Int) {
        guard self.isShown else { return }
        let now = self.clock.now
        if let drawn, now - drawn < .milliseconds(100) { return }
        self.drawn = now
        let percent = total > 0 ? 100 * bytes / total : 100
        Console.error("\r\u{1B}[K\(percent)%  \(self.what) \(Format.bytes(bytes)) of \(Format.bytes(total))")
    }

    /// Removes the line.
    func clear() {
        if self.drawn != nil { Console.error("\r\u{1B}[K") }
    }
}
