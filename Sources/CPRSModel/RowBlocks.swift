/// How rows are cut into blocks that threads take one after another.
///
/// Results do not depend on the cut, so it may depend on the number of threads.
struct RowBlocks {
    /// Most rows of a block: the rows that a product multiplies with a piece of its weights while that is in the cache.
    static let most = 96
    /// Rows of a register tile; other numbers leave its last rows empty.
    private static let tile = 6

    private let rows: Range<Int>
    private let size: Int
    /// Number of blocks: of equal size, and as many for each thread as for any other where the rows allow it.
    let count: Int

    init(_ rows: Range<Int>, threads: Int) {
        func parts(_ total: Int, of size: Int) -> Int { (total + size - 1) / size }
        let wanted = max(parts(rows.count, of: Self.most * threads) * threads, 1)
        self.rows = rows
        self.size = max(parts(parts(rows.count, of: wanted), of: Self.tile) * Self.tile, Self.tile)
        self.count = parts(rows.count, of: self.size)
    }

    /// The rows of block `index`.
    subscript(index: Int) -> Range<Int> {
        let start = self.rows.lowerBound + index * self.size
        return start..<min(start + self.size, self.rows.upperBound)
    }
}
