internal import CPRSCore
internal import CPRSTensors
internal import Glibc

/// Grouped-query attention over one window, in blocks: memory is a few tiles per thread, never T x T.
///
/// A task is a block of queries of all the heads that share one key/value head, stacked as `[G · B, HD]`, so that each
/// block of keys is read once for the group. It walks over the keys in blocks with an online softmax.
/// Source: Dao et al. 2022, arXiv:2205.14135; Ainslie et al. 2023, arXiv:2305.13245 (grouped queries).
final class BlockedAttention {
    /// Keys per block.
    private static let keyBlock = 256
    /// Query rows per tile to aim at, all heads of a group counted: 448 x 256 scores fit a core's second-level cache.
    private static let tileRows = 448

    /// One worker's tiles.
    private struct Tile {
        /// `[G · B, HD]`, queries times log2(e) / sqrt(HD).
        let queries: MatrixStorage
        /// `[G · B, keyBlock]`.
        let scores: MatrixStorage
        /// `[G · B, HD]`, weighted sum of values.
        let accumulated: MatrixStorage
        /// `[1, G · B]`, largest score so far.
        let maximum: MatrixStorage
        /// `[1, G · B]`, sum of weights so far.
        let sum: MatrixStorage
    }

    private let pool: ComputePool
    private let tiles: [Tile]
    private let keyValueHeads: Int
    private let headWidth: Int
    /// G, query heads per key/value head.
    private let group: Int
    /// B, queries per task.
    private let queryBlock: Int

    /// Reserves the tiles.
    ///
    /// - Throws: `invalidArgument` if there is no memory for them.
    init(pool: ComputePool, config: Qwen2Config) throws(CPRSError) {
        self.pool = pool
        self.keyValueHeads = config.keyValueHeads
        self.headWidth = config.headWidth
        self.group = config.heads / config.keyValueHeads
        self.queryBlock = min(max(Self.tileRows / self.group / 16 * 16, 16), 128)
        let rows = self.group * self.queryBlock
        var tiles: [Tile] = []
        for _ in 0..<pool.threads {
            func storage(_ rows: Int, _ columns: Int) throws(CPRSError) -> MatrixStorage {
                try MatrixStorage(rows: rows, columns: columns, purpose: "attention tiles")
            }
            tiles.append(
                Tile(
                    queries: try storage(rows, config.headWidth), scores: try storage(rows, Self.keyBlock),
                    accumulated: try storage(rows, config.headWidth), maximum: try storage(1, rows),
                    sum: try storage(1, rows)))
        }
        self.tiles = tiles
    }

    /// Computes softmax(q · kᵀ / sqrt(HD)) · v for every head.
    ///
    /// - Parameters:
    ///   - queries: `[A, H · HD]`, rotated; row 0 is the token at position `firstQuery`.
    ///   - keys: `[T, KV · HD]`, rotated.
    ///   - values: `[T, KV · HD]`.
    ///   - causal: a query sees keys up to its own position; otherwise all T.
    ///   - out: `[A, H · HD]`.
    func run(queries: Matrix, keys: Matrix, values: Matrix, firstQuery: Int, causal: Bool, into out: Matrix) {
        let blocks = (queries.rows + self.queryBlock - 1) / self.queryBlock
        self.pool.run(blocks * self.keyValueHeads) { task, worker in
            // The last queries see the most keys: the longest tasks come first.
            let block = blocks - 1 - task / self.keyValueHeads
            let head = task % self.keyValueHeads
            let rows = block * self.queryBlock..<min((block + 1) * self.queryBlock, queries.rows)
            let columns = head * self.group * self.headWidth..<(head + 1) * self.group * self.headWidth
            let shared = head * self.headWidth..<(head + 1) * self.headWidth
            self.attend(
                queries: queries.block(rows: rows, columns: columns), keys: keys.columns(shared),
                values: values.columns(shared), firstQuery: firstQuery + rows.lowerBound, causal: causal,
                into: out.block(rows: rows, columns: columns), tile: self.tiles[worker])
        }
    }

    /// One task: `queries` and `out` `[B, G · HD]`, `keys` and `values` `[T, HD]`.
    private func attend(
        queries: Matrix, keys: Matrix, values: Matrix, firstQuery: Int, causal: Bool, into out: Matrix, tile: Tile
    ) {
        let count = queries.rows
        let stacked = 0..<self.group * count
        let query = tile.queries.matrix.rows(stacked)
        let accumulated = tile.accumulated.matrix.rows(stacked)
        let maximum = tile.maximum.matrix.columns(stacked)
        let sum = tile.sum.matrix.columns(stacked)
        accumulated.fill(with: 0)
        maximum.fill(with: -.infinity)
        sum.fill(with: 0)
        // The softmax works in base 2, whose exponential is cheaper; its factor joins the one of the dot product.
        let scale = Float(M_LOG2E / Double(self.headWidth).squareRoot())
        for head in 0..<self.group {
            Kernels.scale(self.head(head, of: queries), by: scale, into: query.rows(self.rows(head, count)))
        }
        let visibleKeys = causal ? firstQuery + count : keys.rows
        var start = 0
        while start < visibleKeys {
            let block = start..<min(start + Self.keyBlock, visibleKeys)
            let scores = tile.scores.matrix.block(rows: stacked, columns: 0..<block.count)
            Kernels.multiply(query, transposed: keys.rows(block), into: scores)
            for head in 0..<self.group {
                let rows = self.rows(head, count)
                // Query r of the block sees firstQuery + r + 1 keys; this block's first key is number `start`.
                Kernels.softmaxBlock(
                    scores.rows(rows), visible: causal ? firstQuery + 1 - start : block.count,
                    visibleStep: causal ? 1 : 0, maximum: maximum.columns(rows), sum: sum.columns(rows),
                    accumulated: accumulated.rows(rows))
            }
            Kernels.multiply(scores, values.rows(block), into: accumulated, accumulate: true)
            start = block.upperBound
        }
        // Every query sees at least one key, so no sum is 0.
        for row in stacked { sum[0, row] = 1 / sum[0, row] }
        for head in 0..<self.group {
            let rows = self.rows(head, count)
            Kernels.scaleRows(accumulated.rows(rows), by: sum.columns(rows), into: self.head(head, of: out))
        }
    }

    private func head(_ head: Int, of matrix: Matrix) -> Matrix {
        matrix.columns(head * self.headWidth..<(head + 1) * self.headWidth)
    }

    private func rows(_ head: Int, _ count: Int) -> Range<Int> { head * count..<(head + 1) * count }
}
