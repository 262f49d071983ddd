internal import CPRSCore
internal import CPRSEngine
internal import CPRSSegmentation
internal import Testing

@Suite struct SelectionTests {
    let text = Sample.mixed

    @Test("a token budget is never exceeded", arguments: Granularity.allCases, [1, 10, 100, 1000])
    func maxTokens(granularity: Granularity, budget: Int) throws {
        let result = try Compression.run(
            self.text,
            .test {
                $0.granularity = granularity
                $0.budget = .maxTokens(budget)
            })
        #expect(result.summary.keptTokens <= budget)
    }

    @Test("a ratio is never exceeded and is used", arguments: [0.01, 0.1, 0.5, 1])
    func ratio(share: Double) throws {
        let result = try Compression.run(
            self.text,
            .test {
                $0.granularity = .word
                $0.budget = .ratio(share)
            })
        let allowed = share * Double(result.summary.contextTokens)
        #expect(Double(result.summary.keptTokens) <= allowed)
        #expect(Double(result.summary.keptTokens) >= 0.9 * allowed - 2)
    }

    @Test("no dropped unit that would have fitted scores better than the worst kept one")
    func bestFirst() throws {
        let all = try Compression.run(self.text, .test { $0.threshold = 0 }).kept
        let kept = try Compression.run(self.text, .test { $0.budget = .maxTokens(200) })
        let free = 200 - kept.summary.keptTokens
        let worst = kept.kept.map(\.score).min() ?? 0
        #expect(kept.summary.bestDroppedScore == all.filter { !kept.kept.contains($0) }.map(\.score).max())
        for unit in all where !kept.kept.contains(unit) && unit.score > worst {
            #expect(unit.tokens > free, "\(unit) scores better than \(worst) and \(free) tokens are free")
        }
    }

    @Test("a threshold also holds within a budget")
    func both() throws {
        let result = try Compression.run(
            self.text,
            .test {
                $0.budget = .ratio(1)
                $0.threshold = 0.5
            })
        #expect(result.kept == (try Compression.run(self.text, .test())).kept)
    }

    @Test(
        "units with a forced literal or expression are kept, with and without a budget",
        arguments: [nil, Budget.maxTokens(2000)])
    func forced(budget: Budget?) throws {
        let result = try Compression.run(
            self.text,
            .test {
                $0.keepLiterals = ["Briony Lodge", "甲方"]
                $0.keepRegexes = ["^.*disk 3\\d failed.*$"]
                $0.budget = budget ?? .ratio(1)
                $0.threshold = budget == nil ? 1 : nil
                $0.granularity = .line
            })
        let output = String(decoding: result.output(of: self.text), as: UTF8.self)
        #expect(output.split(separator: "Briony Lodge", omittingEmptySubsequences: false).count == 13)
        for disk in 30..<40 { #expect(output.contains("disk \(disk) failed")) }
        #expect(result.kept.contains { $0.forced })
    }

    @Test("every unit that a pattern matches in is kept, whatever the order in which patterns find their matches")
    func severalPatterns() throws {
        // A long match that starts early ends after many short ones.
        let text = Array((0..<300).map { "(\($0) key\($0 % 7) x\n" }.joined().utf8)
        let request = CompressionRequest.test {
            $0.granularity = .line
            $0.threshold = 1
            $0.keepRegexes = ["\\(10 (.|\\n)*\\(20 ", "key3"]
            $0.keepLiterals = ["(200 "]
        }
        for chunk in [1 << 16, 3] {
            let kept = try Compression.run(text, request, chunk: [chunk]).kept
            let lines = String(decoding: kept.flatMap { text[$0.bytes] }, as: UTF8.self).split(separator: "\n")
            let expected = (0..<300).filter { (10...20).contains($0) || $0 % 7 == 3 || $0 == 200 }
            #expect(lines.map(String.init) == expected.map { "(\($0) key\($0 % 7) x" })
        }
    }

    @Test("force-keep alone above the budget is an error that names the minimum")
    func tooSmall() throws {
        let request = CompressionRequest.test {
            $0.keepLiterals = ["Holmes"]
            $0.budget = .maxTokens(3)
        }
        let error = #expect(throws: CPRSError.self) { try Compression.run(self.text, request) }
        #expect(error?.code == .budgetTooSmall)
        let minimum = try Compression.run(
            self.text,
            .test {
                $0.keepLiterals = ["Holmes"]
                $0.threshold = 1
            }
        ).kept.filter(\.forced).reduce(0) { $0 + $1.tokens }
        #expect(error?.message.contains("\(minimum)") == true, "\(error?.message ?? "")")
    }
}
