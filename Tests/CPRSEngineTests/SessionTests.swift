internal import CPRSCore
internal import CPRSEngine
internal import CPRSSegmentation
internal import CPRSTestSupport
internal import Testing

@Suite struct SessionTests {
    let text = Sample.mixed

    @Test(
        "any chunking gives the decisions of the whole text", arguments: Granularity.allCases,
        [[1], [7, 1, 64], [1000]])
    func chunking(granularity: Granularity, chunk: [Int]) throws {
        let request = CompressionRequest.test {
            $0.granularity = granularity
            $0.keepRegexes = ["disk 1\\d"]
        }
        let whole = try Compression.run(self.text, request)
        let pieces = try Compression.run(self.text, request, chunk: chunk)
        #expect(pieces.kept == whole.kept)
        #expect(!whole.kept.isEmpty)
        #expect(pieces.summary.windows == whole.summary.windows)
    }

    @Test("windows may be scored in any order", arguments: Granularity.allCases)
    func order(granularity: Granularity) throws {
        let request = CompressionRequest.test { $0.granularity = granularity }
        let forwards = try Compression.run(self.text, request)
        #expect(try Compression.run(self.text, request, backwards: true).kept == forwards.kept)
    }

    @Test("kept spans are disjoint, in order and hold whole characters", arguments: Granularity.allCases)
    func slices(granularity: Granularity) throws {
        let result = try Compression.run(self.text, .test { $0.granularity = granularity })
        for (left, right) in zip(result.kept, result.kept.dropFirst()) {
            #expect(left.bytes.upperBound <= right.bytes.lowerBound)
        }
        for span in result.kept {
            #expect(!span.bytes.isEmpty)
            #expect(String(validating: self.text[span.bytes], as: UTF8.self) != nil, "\(span)")
        }
        #expect(result.summary.keptBytes == result.output(of: self.text).count)
        #expect(result.summary.keptTokens == result.kept.reduce(0) { $0 + $1.tokens })
    }

    @Test("a threshold of 0 keeps every byte", arguments: Granularity.allCases)
    func everything(granularity: Granularity) throws {
        let result = try Compression.run(
            self.text,
            .test {
                $0.granularity = granularity
                $0.threshold = 0
            })
        #expect(result.output(of: self.text) == self.text)
        #expect(result.summary.keptTokens == result.summary.contextTokens)
    }

    @Test("lines are kept whole")
    func lines() throws {
        let text = Array(Sample.log.utf8)
        let result = try Compression.run(text, .test { $0.granularity = .line })
        #expect(!result.kept.isEmpty)
        for span in result.kept {
            #expect(span.bytes.lowerBound == 0 || text[span.bytes.lowerBound - 1] == UInt8(ascii: "\n"))
            #expect(text[span.bytes.upperBound - 1] == UInt8(ascii: "\n"))
        }
    }

    @Test("no sentence that fits is split between windows")
    func wholeSentences() throws {
        // A critic that likes one rare word: with best-of aggregation, its whole sentence must come out at any window.
        let request = CompressionRequest.test { $0.granularity = .sentence }
        let wide = try Compression.run(self.text, request)
        var narrowRequest = request
        narrowRequest.windowTokens = 160
        let narrow = try Compression.run(self.text, narrowRequest)
        #expect(narrow.summary.windows > wide.summary.windows)
        // Scores depend on tokens alone, so other windows must not change them.
        #expect(narrow.kept == wide.kept)
    }

    @Test("a window's decision does not depend on the others")
    func independence() throws {
        let critic = FakeCritic()
        let request = CompressionRequest.test()
        let text = Array(Sample.prose.utf8)
        let half = try Compression.run(Array(text[..<(text.count / 2)]), request, critic: critic)
        let whole = try Compression.run(text, request, critic: critic)
        // The last sentence of the first half is cut, so it is left out.
        let settled = half.kept.filter { $0.bytes.upperBound < text.count / 2 - 200 }
        #expect(!settled.isEmpty)
        #expect(Array(whole.kept.prefix(settled.count)) == settled)
    }

    @Test("spans below the least length are dropped, forced ones are not")
    func minimumLength() throws {
        let request = CompressionRequest.test {
            $0.granularity = .token
            $0.minSpanTokens = 3
            $0.keepLiterals = ["watermark"]
        }
        let result = try Compression.run(self.text, request)
        #expect(result.kept.contains { $0.tokens >= 3 && !$0.forced })
        #expect(result.kept.allSatisfy { $0.tokens >= 3 || $0.forced })
        #expect(result.kept.contains { $0.forced })
    }

    @Test("with whole sentences, a kept token keeps its sentence")
    func grow() throws {
        let tokens = try Compression.run(self.text, .test { $0.granularity = .token })
        let grown = try Compression.run(
            self.text,
            .test {
                $0.granularity = .token
                $0.wholeSentences = true
            })
        for span in tokens.kept {
            #expect(grown.kept.contains { $0.bytes.overlaps(span.bytes) }, "\(span)")
        }
        let sentences = try Compression.run(self.text, .test { $0.threshold = 0 })
        let edges = Set(sentences.kept.flatMap { [$0.bytes.lowerBound, $0.bytes.upperBound] })
        #expect(grown.kept.allSatisfy { edges.contains($0.bytes.lowerBound) && edges.contains($0.bytes.upperBound) })
    }

    @Test("decisions come out while the context is still being sent")
    func streaming() throws {
        let critic = FakeCritic()
        let tokenizer = try #require(Compression.tokenizer)
        var session = try Session(.test(), tokenizer: tokenizer, limits: critic.limits)
        try session.append(self.text)
        let next = session.nextWindow()
        let window = try #require(next)
        session.accept(try critic.score(window.input), for: window)
        let decisions = try session.takeDecisions()
        #expect(decisions.finalBytes > 0)
    }

    @Test("reference decoding does not depend on the chunking and strips its spans")
    func reference() throws {
        let request = CompressionRequest.test { $0.decoding = .reference }
        let whole = try Compression.run(self.text, request)
        #expect(!whole.kept.isEmpty)
        #expect(try Compression.run(self.text, request, chunk: [5]).kept == whole.kept)
        let blanks = Array(" \n\t".utf8)
        for span in whole.kept {
            #expect(
                !blanks.contains(self.text[span.bytes.lowerBound])
                    && !blanks.contains(self.text[span.bytes.upperBound - 1]))
        }
    }

    /// ``Compression/run(_:_:chunk:backwards:critic:lexicon:)`` looks at what is final.
    @Test("an accent that ends the text is decided, too", arguments: CompressionRequest.Decoding.allCases, [[1], [64]])
    func lastAccent(decoding: CompressionRequest.Decoding, chunk: [Int]) throws {
        let text = Array("The letter came from Zoe\u{308}".utf8)
        let result = try Compression.run(text, .test { $0.decoding = decoding }, chunk: chunk)
        #expect(result.summary.contextBytes == text.count)
    }
}
