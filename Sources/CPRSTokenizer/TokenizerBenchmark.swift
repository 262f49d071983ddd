package import CPRSCore

/// How long encoding takes, for `cprs tokenize --bench`.
package enum TokenizerBenchmark {
    /// Encodes `text` whole, markers recognised, `repeats` times (at least once).
    ///
    /// - Returns: the number of tokens and the median time of one encoding in seconds; loading is not part of it.
    /// - Throws: what loading the folder and encoding throw.
    package static func run(
        folder: String, text: [UInt8], repeats: Int
    ) throws(CPRSError) -> (tokens: Int, medianSeconds: Double) {
        let tokenizer = try Tokenizer(folder: folder)
        var count = 0
        var seconds: [Double] = []
        for _ in 0..<max(repeats, 1) {
            let start = ContinuousClock.now
            count = try tokenizer.encode(text, specialTokens: .recognised).count
            seconds.append((ContinuousClock.now - start).seconds)
        }
        seconds.sort()
        return (count, seconds[seconds.count / 2])
    }
}
