import CPRSCore
import CPRSPatterns
import Testing

@Suite("Bounds on work and memory")
struct PatternWorkTests {
    @Test(
        "Patterns and texts that break other engines cost at most three steps per state and scalar, twice as much for twice the text",
        arguments: [
            ("(a+)+$", "a", "!"), ("(a|a)*b", "a", ""), ("(x+x+)+y", "x", ""), (".*.*.*x", "ab", ""),
            ("(.*)(.*)(.*)(.*)(.*)b", "a", "\n"), ("a{1000}", "a", "b"), ("(a?){100}a{100}", "a", ""),
            ("(\\w+\\s?)*z", "word ", ""), ("(?:a|b|ab)*c", "ab", ""), ("x*\\by", "x", ""), ("(a*)*b|(a*)*c", "a", ""),
            // Quadratic even without backtracking where a search starts again after each match.
            ("a|a[^c]*c", "a", ""), ("ab|a.*\\n", "ab", ""), ("[a-z]|[a-z].*9", "é a", ""),
        ])
    func linear(pattern: String, unit: String, end: String) throws {
        let patterns = try PatternSet(literals: [], regexes: [pattern])
        let steps = [1_000, 2_000].map { repeats in
            var search = PatternSearch(patterns)
            var found: [ByteRange] = []
            let text = String(repeating: unit, count: repeats) + end
            search.append(Array(text.utf8), into: &found)
            search.finish(into: &found)
            #expect(search.regexSteps <= 3 * patterns.regexStates * (text.unicodeScalars.count + 1))
            return search.regexSteps
        }
        #expect(steps[0] > 0)
        #expect(Double(steps[1]) < 2.1 * Double(steps[0]) + 10_000, "\(steps)")
    }

    @Test(
        "At the limits of a set, too, a scalar costs at most three steps per state",
        arguments: [
            (["(?:a?){999}b", "(?:a?){998}c", "(?:a?){997}d"], "a"), ((0..<64).map { "[^z]{0,60}z\($0)" }, "a"),
            ((0..<10).map { "(?:.*x){99}y\($0)" }, "xa b"), (["((a{9}){10}){91}"], "a"),
        ])
    func limits(regexes: [String], unit: String) throws {
        let patterns = try PatternSet(literals: [], regexes: regexes)
        #expect(patterns.regexStates > PatternLimits.states / 8)
        var search = PatternSearch(patterns)
        var found: [ByteRange] = []
        let text = String(repeating: unit, count: 4_000)
        search.append(Array(text.utf8), into: &found)
        search.finish(into: &found)
        #expect(search.regexSteps <= 3 * patterns.regexStates * (text.unicodeScalars.count + 1))
    }

    @Test("A scan that waits for a start of a match does no steps")
    func idle() throws {
        var search = PatternSearch(try PatternSet(literals: [], regexes: ["[0-9]{4}"]))
        var found: [ByteRange] = []
        search.append(Array(String(repeating: "no digit here ", count: 1_000).utf8), into: &found)
        #expect(search.regexSteps == 0)
    }

    @Test("A run longer than the longest match is covered by matches end to end, cut at scalar boundaries")
    func longRun() throws {
        for (scalar, cut) in [("a", 65_533), ("é", 65_534), ("中", 65_535), ("😀", 65_536)] {
            let bytes = Array(String(repeating: scalar, count: 150_000 / scalar.utf8.count).utf8)
            let patterns = try PatternSet(literals: [], regexes: ["\(scalar)+"])
            #expect(matches(of: patterns, in: bytes) == [0..<cut, cut..<2 * cut, 2 * cut..<bytes.count])
        }
    }

    @Test("A candidate that reaches the longest match's length is given up, and those that it had absorbed with it")
    func givingUp() throws {
        let x = String(repeating: "x", count: 65_000)
        // Exactly as long as can be, and one byte more.
        let fitting = "b" + String(repeating: "x", count: 65_531) + "c"
        #expect(try texts(matching: "b[^c]*c", in: fitting) == [fitting])
        #expect(try texts(matching: "b[^c]*c", in: "b" + fitting.dropFirst().dropLast() + "xc") == [])
        // The second b could only go on as the first did; in the second regex it is not absorbed.
        #expect(try texts(matching: "b[^c]*c", in: "b\(x)bx\(x)c") == [])
        #expect(try texts(matching: "b[^bc]*c", in: "b\(x)b\(x)c") == ["b\(x)c"])
        // The second e gets where the first candidate ends, when that one is too old to go on.
        #expect(try texts(matching: "(?:b[^e]*e|e)c", in: "b" + String(repeating: "x", count: 65_531) + "ec") == ["ec"])
        // What it had found before is kept, and so is what was found meanwhile.
        #expect(try texts(matching: "ab|a[^c]*c", in: "ab.ab\(x)xab\(x)") == ["ab", "ab", "ab"])
    }

    @Test("The settled offset never lags by more than the longest match and an unfinished scalar")
    func bounded() throws {
        let patterns = try PatternSet(literals: ["xxxxy"], regexes: ["x[^z]*z", "x|x[^z]*z", "^.*y"])
        var search = PatternSearch(patterns)
        var found: [ByteRange] = []
        let chunk = Array(String(repeating: "x中", count: 1_000).utf8)
        var worst = 0
        for received in 1...100 {
            search.append(chunk, into: &found)
            worst = max(worst, received * chunk.count - search.settledBytes)
        }
        #expect((60_000...PatternLimits.matchBytes + 3).contains(worst), "\(worst)")
    }
}
