internal import CPRSCore
internal import CPRSTensors

/// Windows whose rows go through the layers together, and which rows each layer works on.
///
/// Rows are the prompts of all windows, then the contexts of all windows. So whatever a layer may leave out comes
/// first: prompts whose lower layers were computed earlier, and in the last layer all prompts. What is left is one run
/// of rows, cut into blocks without regard to windows; only attention and positions know about windows.
struct WindowBatch {
    /// One window's place.
    struct Window {
        /// T, prompt included.
        let tokens: Int
        /// Where its keys and values start among those of all windows.
        let firstKey: Int
        /// What the causal layers computed for its prompt earlier; nil if they must compute it now.
        let prefix: PromptPrefix?
    }

    /// Consecutive rows that are consecutive positions of one window.
    struct Segment {
        let window: Int
        let firstPosition: Int
        let rows: Range<Int>
    }

    /// What one layer does.
    struct LayerStep {
        let causal: Bool
        /// Rows whose keys and values are stored.
        let stored: Range<Int>
        let storedSegments: [Segment]
        /// Rows that attend and go on to the feed-forward block; the last of `stored`.
        let active: Range<Int>
        /// Queries of one task, longest tasks first.
        let attentionTasks: [Segment]
    }

    let windows: [Window]
    /// The id of each row.
    let ids: [TokenID]
    /// The context rows of all windows, in order.
    let context: Range<Int>
    /// Prompts at the front whose lower layers are known; they join at the first bidirectional layer.
    let reused: [Segment]
    private let config: Qwen2Config
    private let causalStep: LayerStep
    private let bidirectionalStep: LayerStep
    private let lastStep: LayerStep

    /// Rows of all windows.
    var rows: Int { self.ids.count }

    /// Lays out `windows`, whose prompts may be known already.
    ///
    /// - Parameters:
    ///   - windows: a window without context is a prompt whose lower layers are wanted.
    ///   - prefixes: one for each window.
    init(_ config: Qwen2Config, _ windows: [CriticWindow], prefixes: [PromptPrefix?]) {
        var places: [Window] = []
        var firstKey = 0
        for (window, prefix) in zip(windows, prefixes) {
            let tokens = window.prompt.count + window.context.count
            places.append(Window(tokens: tokens, firstKey: firstKey, prefix: prefix))
            firstKey += KeyValueStore.room(for: tokens)
        }
        var ids: [TokenID] = []
        var segments: [Segment] = []
        func place(_ window: Int, _ tokens: [TokenID], at position: Int) {
            guard !tokens.isEmpty else { return }
            segments.append(
                Segment(window: window, firstPosition: position, rows: ids.count..<ids.count + tokens.count))
            ids += tokens
        }
        for index in windows.indices where prefixes[index] != nil { place(index, windows[index].prompt, at: 0) }
        let reused = segments
        let known = ids.count
        for index in windows.indices where prefixes[index] == nil { place(index, windows[index].prompt, at: 0) }
        let firstContext = ids.count
        for index in windows.indices { place(index, windows[index].context, at: windows[index].prompt.count) }
        self.init(
            config, places, ids: ids, segments: segments, context: firstContext..<ids.count, reused: reused,
            known: known)
    }

    private init(
        _ config: Qwen2Config, _ windows: [Window], ids: [TokenID], segments: [Segment], context: Range<Int>,
        reused: [Segment], known: Int
    ) {
        let all = 0..<ids.count
        let causalRows = known..<ids.count
        let start = config.bidirectionalStartLayer
        func step(causal: Bool, stored: Range<Int>, active: Range<Int>) -> LayerStep {
            LayerStep(
                causal: causal, stored: stored, storedSegments: Self.merge(segments, in: stored), active: active,
                attentionTasks: Self.tasks(Self.merge(segments, in: active), windows: windows, causal: causal))
        }
        self.windows = windows
        self.ids = ids
        self.context = context
        self.reused = reused
        self.config = config
        self.causalStep = step(causal: true, stored: causalRows, active: causalRows)
        self.bidirectionalStep = step(causal: false, stored: all, active: all)
        let lastIsCausal = start == config.layers
        self.lastStep = step(causal: lastIsCausal, stored: lastIsCausal ? causalRows : all, active: context)
    }

    /// What layer `index` does.
    func step(_ index: Int) -> LayerStep {
        // Nobody reads the prompt's states after the last layer; only its keys and values are needed there.
        if index == self.config.layers - 1 { return self.lastStep }
        return index < self.config.bidirectionalStartLayer ? self.causalStep : self.bidirectionalStep
    }

    /// Fills the reused prompts' rows of the residual stream `[R, D]` with what the causal layers left there.
    func restoreReused(in residual: Matrix) {
        for segment in self.reused {
            guard let prefix = self.windows[segment.window].prefix else { continue }
            residual.rows(segment.rows).copy(from: prefix.residual.matrix)
        }
    }

    /// Pieces of segments for one task each, longest first.
    private static func tasks(_ segments: [Segment], windows: [Window], causal: Bool) -> [Segment] {
        var tasks: [Segment] = []
        for segment in segments {
            for start in stride(from: 0, to: segment.rows.count, by: AttentionShape.queryBlock) {
                let count = min(AttentionShape.queryBlock, segment.rows.count - start)
                let row = segment.rows.lowerBound + start
                tasks.append(
                    Segment(
                        window: segment.window, firstPosition: segment.firstPosition + start, rows: row..<row + count))
            }
        }
        func keys(_ task: Segment) -> Int {
            causal ? task.firstPosition + task.rows.count : windows[task.window].tokens
        }
        return tasks.sorted { keys($0) * $0.rows.count > keys($1) * $1.rows.count }
    }

    /// The segments of some rows, joined where one continues the other.
    private static func merge(_ segments: [Segment], in rows: Range<Int>) -> [Segment] {
        var merged: [Segment] = []
        for segment in segments where segment.rows.lowerBound >= rows.lowerBound {
            if let last = merged.last, last.window == segment.window,
                last.firstPosition + last.rows.count == segment.firstPosition
            {
                merged[merged.count - 1] = Segment(
                    window: last.window, firstPosition: last.firstPosition,
                    rows: last.rows.lowerBound..<segment.rows.upperBound)
            } else {
                merged.append(segment)
            }
        }
        return merged
    }
}
