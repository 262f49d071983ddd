internal import CPRSCore

/// The prefixes of the prompts that were used last, bounded in number and bytes.
struct PrefixCache {
    private struct Entry {
        let prefix: PromptPrefix
        var lastUse: Int
    }

    private let maxEntries: Int
    private let maxBytes: Int
    private var entries: [[TokenID]: Entry] = [:]
    private var clock = 0
    private(set) var statistics = PrefixStatistics()

    init(maxEntries: Int = PrefixStatistics.maxEntries, maxBytes: Int = PrefixStatistics.maxBytes) {
        self.maxEntries = maxEntries
        self.maxBytes = maxBytes
    }

    /// The prefix of `prompt` if it is there.
    mutating func find(_ prompt: [TokenID]) -> PromptPrefix? {
        self.clock += 1
        guard let prefix = self.entries[prompt]?.prefix else {
            self.statistics.misses += 1
            return nil
        }
        self.entries[prompt]?.lastUse = self.clock
        self.statistics.hits += 1
        return prefix
    }

    /// Keeps `prefix`, and lets go of those that were not used for longest. One that is too large alone is not kept.
    mutating func insert(_ prefix: PromptPrefix, for prompt: [TokenID]) {
        guard prefix.byteCount <= self.maxBytes else { return }
        self.remove(prompt)
        while self.entries.count >= self.maxEntries || self.statistics.bytes + prefix.byteCount > self.maxBytes {
            guard let oldest = self.entries.min(by: { $0.value.lastUse < $1.value.lastUse })?.key else { break }
            self.remove(oldest)
        }
        self.clock += 1
        self.entries[prompt] = Entry(prefix: prefix, lastUse: self.clock)
        self.statistics.entries = self.entries.count
        self.statistics.bytes += prefix.byteCount
    }

    /// Forgets everything.
    mutating func clear() {
        self.entries = [:]
        self.statistics.entries = 0
        self.statistics.bytes = 0
    }

    private mutating func remove(_ prompt: [TokenID]) {
        guard let entry = self.entries.removeValue(forKey: prompt) else { return }
        self.statistics.bytes -= entry.prefix.byteCount
    }
}

/// How a critic's cache of prompts does.
package struct PrefixStatistics: Hashable, Sendable {
    /// Most prompts that are kept.
    package static let maxEntries = 64
    /// Most bytes that they take. A prompt of 100 tokens takes about 1.5 MB in the 0.5B shape, 7 MB in the 7B shape.
    package static let maxBytes = 64 << 20

    /// Prompts that are kept.
    package internal(set) var entries = 0
    /// Bytes that they take.
    package internal(set) var bytes = 0
    /// Windows whose prompt was there.
    package internal(set) var hits = 0
    /// Windows whose prompt was not.
    package internal(set) var misses = 0
}
