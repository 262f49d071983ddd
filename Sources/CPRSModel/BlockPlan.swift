/// How an `[R, N]` product is cut into blocks that threads compute on their own.
///
/// The cut depends on the sizes alone, never on the number of threads: so a result does not either.
struct BlockPlan {
    private let rows: Int
    private let columns: Int
    private let rowBlock: Int
    private let columnBlock: Int
    private let rowBlocks: Int
    /// Number of blocks.
    let count: Int

    /// Largest block. Each block packs its own inputs, which costs about 16 · (1/rows + 1/columns) of its time.
    static let maxRows = 512
    static let maxColumns = 512
    /// Cutting stops at this many blocks …
    private static let enoughBlocks = 16
    /// … or at blocks of this many multiply-adds, some 0.1 ms on one core.
    private static let smallestBlock = 1 << 23

    /// Plans the product of `[rows, depth]` by `[columns, depth]`ᵀ.
    ///
    /// - Parameter columnUnit: blocks start at multiples of it; the head width where whole heads are rotated.
    init(rows: Int, columns: Int, depth: Int, columnUnit: Int) {
        func parts(_ total: Int, of size: Int) -> Int { (total + size - 1) / size }
        func even(_ total: Int, atMost size: Int, unit: Int) -> Int {
            let share = parts(total, of: parts(total, of: size))
            return max(unit, parts(share, of: unit) * unit)
        }
        let unit = max(columnUnit, 16)
        let wholeUnits = parts(unit, of: columnUnit) * columnUnit
        var rowBlock = even(rows, atMost: Self.maxRows, unit: 16)
        var columnBlock = even(
            columns, atMost: max(wholeUnits, Self.maxColumns / wholeUnits * wholeUnits), unit: wholeUnits)
        func blocks() -> Int { parts(rows, of: rowBlock) * parts(columns, of: columnBlock) }
        while blocks() < Self.enoughBlocks, rowBlock * columnBlock * depth >= 2 * Self.smallestBlock {
            let nextColumns = even(columnBlock, atMost: parts(columnBlock, of: 2), unit: wholeUnits)
            if columnBlock >= rowBlock, nextColumns < columnBlock {
                columnBlock = nextColumns
            } else {
                let nextRows = even(rowBlock, atMost: parts(rowBlock, of: 2), unit: 16)
                if nextRows >= rowBlock { break }
                rowBlock = nextRows
            }
        }
        self.rows = rows
        self.columns = columns
        self.rowBlock = rowBlock
        self.columnBlock = columnBlock
        self.rowBlocks = parts(rows, of: rowBlock)
        self.count = self.rowBlocks * parts(columns, of: columnBlock)
    }

    /// Block `index`; neighbours share columns, that is, weights.
    func block(_ index: Int) -> (rows: Range<Int>, columns: Range<Int>) {
        let row = index % self.rowBlocks * self.rowBlock
        let column = index / self.rowBlocks * self.columnBlock
        return (row..<min(row + self.rowBlock, self.rows), column..<min(column + self.columnBlock, self.columns))
    }

    /// Most columns in a block whose columns are cut at multiples of `unit`.
    static func widestBlock(columnUnit unit: Int) -> Int { max(Self.maxColumns, max(unit, 16) + unit) }
}
