package import CPRSCore
internal import CPRSTensors

extension ForwardBenchmark {
    /// What a request gains by computing its prompt's keys and values once.
    package struct PrefixSaving: Sendable, Hashable {
        /// Tokens in a window, prompt included.
        package let windowTokens: Int
        /// Tokens of the prompt.
        package let promptTokens: Int
        /// Median seconds of a window whose prompt is new: the first of a request.
        package let firstSeconds: Double
        /// Median seconds of a window whose prompt was in the window before: all others.
        package let nextSeconds: Double
        /// Part of a window's time that reuse saves.
        package var saving: Double { 1 - self.nextSeconds / self.firstSeconds }
    }

    /// Scores pairs of windows with the same prompt, a new one for each pair, `runs` times.
    ///
    /// - Parameters:
    ///   - critic: in bf16 or int8, with prefix reuse.
    ///   - windowTokens: more than `promptTokens`.
    ///   - promptTokens: at least 2.
    ///   - runs: at least 1.
    /// - Throws: `invalidArgument` if an argument is out of range, or for an f32 critic, which reuses nothing.
    package static func prefixSaving(
        _ critic: Qwen2Critic, windowTokens: Int, promptTokens: Int, runs: Int
    ) throws(CPRSError) -> PrefixSaving {
        try Self.check(critic, windowTokens: windowTokens, runs: runs)
        guard critic.precision != .f32 else {
            throw CPRSError(code: .invalidArgument, message: "prefixes are reused in bf16 and int8 only (got f32)")
        }
        guard (2..<windowTokens).contains(promptTokens) else {
            throw CPRSError(
                code: .invalidArgument,
                message:
                    "promptTokens must be at least 2 and less than the window's \(windowTokens) (got \(promptTokens))"
            )
        }
        let ids = Self.ids(windowTokens, vocabulary: critic.limits.vocabularySize)
        var times: [(first: Double, next: Double)] = []
        // The first pair warms up.
        for run in 0...runs {
            let changed = TokenID(run % critic.limits.vocabularySize)
            let window = CriticWindow(
                prompt: [changed, TokenID(windowTokens % critic.limits.vocabularySize)] + ids[2..<promptTokens],
                context: Array(ids[promptTokens...]), tags: Array(ids.prefix(Self.tagCount)))
            let (first, next) = (try Self.seconds(critic, window), try Self.seconds(critic, window))
            if run > 0 { times.append((first, next)) }
        }
        return PrefixSaving(
            windowTokens: windowTokens, promptTokens: promptTokens,
            firstSeconds: times.map(\.first).sorted()[runs / 2], nextSeconds: times.map(\.next).sorted()[runs / 2])
    }

    private static func seconds(_ critic: Qwen2Critic, _ window: CriticWindow) throws(CPRSError) -> Double {
        let start = ContinuousClock.now
        _ = try critic.score(window)
        return (ContinuousClock.now - start).seconds
    }
}
