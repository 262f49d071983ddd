internal import CPRSCore
internal import Synchronization

/// One line on the terminal that says how far a compression is and how long it will take.
final class ProgressBar: Sendable {
    private static let width = 24
    private let clock = ContinuousClock()
    private let started: ContinuousClock.Instant
    private let drawn = Mutex<ContinuousClock.Instant?>(nil)
    private let totalBytes: Int?

    /// Starts the clock; draws nothing yet.
    init(totalBytes: Int?) {
        self.totalBytes = totalBytes
        self.started = self.clock.now
    }

    /// Redraws the line, at most ten times a second.
    ///
    /// - Parameters:
    ///   - bytes: bytes whose decision is known.
    ///   - tokens: tokens scored so far; nil if they are counted elsewhere.
    func update(bytes: Int, tokens: Int?) {
        let now = self.clock.now
        let isDue = self.drawn.withLock { drawn in
            if let last = drawn, now - last < .milliseconds(100) { return false }
            drawn = now
            return true
        }
        guard isDue else { return }
        let seconds = (now - self.started).seconds
        var line = Format.bytes(bytes)
        if let tokens {
            let speed = seconds > 0 ? Double(tokens) / seconds : 0
            line = "\(Format.grouped(tokens)) tokens  \(Format.grouped(Int(speed))) tokens/s"
        }
        if let total = self.totalBytes, total > 0 {
            let share = min(1, Double(bytes) / Double(total))
            let filled = Int(share * Double(Self.width))
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.width - filled)
            let left = share > 0.01 ? Format.clock(seconds * (1 - share) / share) + " left" : ""
            line = "\(bar) \(Int(share * 100))%  \(line)  \(left)"
        }
        Console.error("\r\u{1B}[K\(line)")
    }

    /// Removes the line.
    func clear() {
        if self.drawn.withLock({ $0 }) != nil { Console.error("\r\u{1B}[K") }
    }
}
