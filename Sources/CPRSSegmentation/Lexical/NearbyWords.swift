/// What words count in a unit that does not hold them but stands near one that does: those of the unit before in full, of
/// each one earlier `decay` times that, of the unit after `decay`.
struct NearbyWords: Sendable {
    /// Of each word; its index is its bit.
    private let idf: [Double]
    private let decay: Double
    /// What each word counts for the next unit: 1 if it is in this one.
    private var recent: [Double]

    init(idf: [Double], decay: Double) {
        self.idf = idf
        self.decay = decay
        self.recent = Array(repeating: 0, count: idf.count)
    }

    /// Takes the words of the next unit and of the one after it; the idf of what is near but not in it.
    mutating func take(_ words: UInt64, next: UInt64) -> Double {
        var nearby = 0.0
        for word in self.recent.indices {
            let bit: UInt64 = 1 << UInt64(word)
            if words & bit != 0 {
                self.recent[word] = 1
            } else {
                nearby += self.idf[word] * max(self.recent[word], next & bit != 0 ? self.decay : 0)
                self.recent[word] *= self.decay
            }
        }
        return nearby
    }
}
