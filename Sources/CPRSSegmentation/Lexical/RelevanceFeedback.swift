#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// How much each piece of evidence counts when the best units of a text say what they know about the others.
///
/// A logistic regression's coefficients (``RelevanceFeedback``); a model brings its own (`cprs_lexical.feedback` in its
/// config), fitted to units of one kind.
package struct FeedbackWeights: Hashable, Sendable {
    /// The constant term.
    package var bias: Double
    /// Times the logit of the unit's own score.
    package var score: Double
    /// Times the rare words that it shares with one of the best units, 0..<1.
    package var shared: Double
    /// Times the same with words nearby, times the share of the question's idf that it has and that unit lacks.
    package var further: Double
    /// Times the strength of the best units just before and after, 0...1.
    package var beside: Double
    /// Times the share of the question's idf in and around the unit, 0..<1.
    package var passage: Double
    /// Tokens away from a word at which that is e times less (``PassageCoverage``); more than 0.
    package var reach: Double

    package init(
        bias: Double, score: Double, shared: Double, further: Double, beside: Double, passage: Double, reach: Double
    ) {
        self.bias = bias
        self.score = score
        self.shared = shared
        self.further = further
        self.beside = beside
        self.passage = passage
        self.reach = reach
    }

    /// Whether the units' rare words are looked at.
    package var comparesRareWords: Bool { self.shared != 0 || self.further != 0 }
}

/// Scores the units of a whole text a second time, with what the best of them say about the others, and what stands around.
///
/// A question of two steps names the first and asks for the second: the unit with the answer shares a rare name with
/// the unit that the question finds, and little with the question. So the best units are taken to be evidence, as in
/// pseudo-relevance feedback (Manning, Raghavan, Schütze: Introduction to Information Retrieval, 9.1.6), and others
/// gain by their rare words, by what they add to the question's, and by standing beside them.
///
/// - Complexity: O(units · (rare words of the seeds + words of the question)).
struct RelevanceFeedback {
    /// So many of the best units are taken to be evidence.
    private static let seedCount = 8
    /// In how many units a shared word stands: in one it links nothing, in more it tells little.
    private static let unitsOfWord = 2...12
    /// idf of the shared words that count half of what all of them could.
    private static let halfIDF = 8.0
    /// Words of a seed beyond these are not looked for: a unit's words are then a set of bits.
    private static let maxSeedWords = 64

    private let units: [ScoredUnit]
    private let rareWords: UnitWords
    private let query: QueryWords
    private let weights: FeedbackWeights
    /// What a word or a seed still counts one unit further away.
    private let decay: Double
    private let logits: [Double]
    /// The odds of each unit's score as a share of the best one's, 0...1.
    private let strengths: [Double]
    /// The best units, best first.
    private let seeds: [Int]

    /// - Parameters:
    ///   - units: with fused scores, in the order of the text.
    ///   - rareWords: those of each unit.
    ///   - query: as rare as its words are in this text.
    init(
        _ units: [ScoredUnit], rareWords: UnitWords, query: QueryWords, weights: FeedbackWeights, decay: Double
    ) {
        precondition(units.count == rareWords.count, "each unit needs its words")
        let logits = units.map { LexicalFusion.logit($0.score) }
        var seeds: [Int] = []
        for unit in units.indices {
            let place = seeds.firstIndex { logits[$0] < logits[unit] } ?? seeds.count
            guard place < Self.seedCount else { continue }
            seeds.insert(unit, at: place)
            if seeds.count > Self.seedCount { seeds.removeLast() }
        }
        let strongest = seeds.first.map { logits[$0] } ?? 0
        self.units = units
        self.rareWords = rareWords
        self.query = query
        self.weights = weights
        self.decay = decay
        self.logits = logits
        self.strengths = logits.map { exp(min(0, $0 - strongest)) }
        self.seeds = seeds
    }

    /// The units with their second scores.
    func rescored() -> [ScoredUnit] {
        var shared = Array(repeating: 0.0, count: self.units.count)
        var further = shared
        let places = self.placesOfSeedWords()
        for seed in self.seeds { self.follow(seed, places, &shared, &further) }
        let beside = self.besideSeeds()
        let passage = PassageCoverage(self.units, reach: self.weights.reach).shares(of: self.query)
        return self.units.indices.map { index in
            var logit = self.weights.bias
            logit += self.weights.score * self.logits[index]
            logit += self.weights.shared * shared[index]
            logit += self.weights.further * further[index]
            logit += self.weights.beside * beside[index]
            logit += self.weights.passage * passage[index]
            var unit = self.units[index]
            unit.score = LexicalFusion.probability(logit)
            return unit
        }
    }

    /// In which units each rare word of the seeds stands, ascending.
    private func placesOfSeedWords() -> [RareWord.Key: [Int]] {
        var places: [RareWord.Key: [Int]] = [:]
        for seed in self.seeds { for word in self.rareWords[seed] { places[word.key] = [] } }
        for unit in self.units.indices {
            for word in self.rareWords[unit] where places[word.key] != nil { places[word.key]?.append(unit) }
        }
        return places
    }

    /// Raises what each unit gains by the words that it shares with one seed.
    private func follow(
        _ seed: Int, _ places: [RareWord.Key: [Int]], _ shared: inout [Double], _ further: inout [Double]
    ) {
        let words = self.rareWords[seed].filter { Self.unitsOfWord ~= places[$0.key]?.count ?? 0 }
            .prefix(Self.maxSeedWords)
        guard !words.isEmpty else { return }
        let idf = words.map { Double($0.idf) }
        var masks: [Int: UInt64] = [:]
        for (bit, word) in words.enumerated() {
            for unit in places[word.key] ?? [] { masks[unit, default: 0] |= 1 << UInt64(bit) }
        }
        let strength = self.strengths[seed]
        let asked = self.units[seed].words
        var nearby = NearbyWords(idf: idf, decay: self.decay)
        var next = masks[0] ?? 0
        for unit in self.units.indices {
            let mask = next
            next = masks[unit + 1] ?? 0
            let around = nearby.take(mask, next: next)
            let own = idf.indices.reduce(0) { mask & 1 << UInt64($1) != 0 ? $0 + idf[$1] : $0 }
            // What stands beside the seed gains by that.
            guard abs(unit - seed) > 1, own + around > 0 else { continue }
            let lacking = self.query.sum(of: self.units[unit].words & ~asked) / self.query.totalIDF
            shared[unit] = max(shared[unit], strength * own / (own + Self.halfIDF))
            further[unit] = max(
                further[unit], strength * (own + around) / (own + around + Self.halfIDF) * lacking)
        }
    }

    /// How strong the units before, each the less the further away, and after each unit are.
    private func besideSeeds() -> [Double] {
        var reach = 0.0
        return self.units.indices.map { unit in
            let following = unit + 1 < self.units.count ? self.strengths[unit + 1] * self.decay : 0
            defer { reach = max(self.strengths[unit], reach * self.decay) }
            return max(reach, following)
        }
    }
}

/// A rare word that is none of the question's, as ``RelevanceFeedback`` compares it.
package struct RareWord: Hashable, Sendable {
    /// Least idf of a word that says what a unit is about.
    static let leastIDF = 5.0
    /// Of a unit without end, the first ones count; a sentence has a few.
    static let maxPerUnit = 256

    /// Equal for equal words: the class of a token, or what is spelled, below and above 2^63.
    typealias Key = UInt64

    let key: Key
    let idf: Float

    /// nil if the word is a compound or not rare.
    init?(_ word: FoundWord) {
        guard word.idf >= Self.leastIDF else { return nil }
        switch word.key {
        case .known(let wordClass): self.key = UInt64(wordClass)
        case .spelled(let spelling): self.key = 1 << 63 | UInt64(spelling.letters) << 24 | spelling.hash
        case .compound: return nil
        }
        self.idf = Float(word.idf)
    }
}

/// The rare words of each unit of a text, one after another.
struct UnitWords: Sendable {
    private var words: [RareWord] = []
    private var ends: [Int] = []

    var count: Int { self.ends.count }

    mutating func append(_ unit: some Sequence<RareWord>) {
        self.words.append(contentsOf: unit)
        self.ends.append(self.words.count)
    }

    subscript(unit: Int) -> ArraySlice<RareWord> { self.words[(unit == 0 ? 0 : self.ends[unit - 1])..<self.ends[unit]] }
}
