internal import CPRSCore
internal import Foundation
internal import Testing

@Suite struct ScoredTokenTests {
    static let token = Token(id: 7, bytes: 0..<3)

    /// The definition, in double precision.
    func softmax(_ logits: [Float]) -> [Double] {
        let powers = logits.map { exp(Double($0)) }
        return powers.map { $0 / powers.reduce(0, +) }
    }

    @Test("the score is P(tag) times 1 - P(outside)")
    func score() {
        let labels: [Float] = [9, 9, 9, 9, 1.5, -0.25, 0.75, -2]
        let tags: [Float] = [0, 0, 0, 0.5, 1.25, -1]
        let output = CriticOutput(labelLogits: labels, tagLogits: tags)
        let scored = output.scored(1, token: Self.token, tagCount: 3, outsideTag: nil)
        let expected = (1 - self.softmax(Array(labels[4...]))[2]) * self.softmax(Array(tags[3...]))[1]
        #expect(abs(Double(scored.score) - expected) < 1e-6)
        #expect(scored.tag == 1)
        #expect(scored.label == .begin)
        #expect(scored.token == Self.token)
    }

    @Test("the outside tag takes part in the softmax and is never chosen")
    func outsideTag() {
        let output = CriticOutput(labelLogits: [0, 0, 0, 0], tagLogits: [1, 5])
        let scored = output.scored(0, token: Self.token, tagCount: 2, outsideTag: 1)
        #expect(scored.tag == 0)
        #expect(abs(Double(scored.score) - 0.75 * self.softmax([1, 5])[0]) < 1e-6)
    }

    @Test("without tag logits the score is 1 - P(outside)", arguments: [0, 2])
    func noTags(tagCount: Int) {
        let output = CriticOutput(labelLogits: [0, 0, 0, 0], tagLogits: [])
        #expect(output.scored(0, token: Self.token, tagCount: tagCount, outsideTag: nil).score == 0.75)
    }

    @Test("huge logits neither overflow nor lose the winner", arguments: [BIOE.begin, .inside, .outside, .end])
    func extremes(winner: BIOE) {
        var labels: [Float] = [-3e38, -3e38, -3e38, -3e38]
        labels[Int(winner.rawValue)] = 3e38
        let scored = CriticOutput(labelLogits: labels, tagLogits: []).scored(
            0, token: Self.token, tagCount: 0, outsideTag: nil)
        #expect(scored.label == winner)
        #expect(scored.score == (winner == .outside ? 0 : 1))
    }

    @Test("letters and labels are one to one")
    func letters() {
        #expect(BIOE.allCases.map(\.letter) == ["B", "I", "O", "E"])
        for label in BIOE.allCases { #expect(BIOE(letter: label.letter) == label) }
        #expect(BIOE(letter: "X") == nil)
    }
}
