package import CPRSCore

/// A view of a row-major bfloat16 matrix; copying it copies no elements and keeps no memory alive.
package struct BF16Matrix {
    let start: UnsafeMutablePointer<UInt16>
    /// Number of rows.
    package let rows: Int
    /// Number of columns, also the distance between rows.
    package let columns: Int

    /// All columns of these rows.
    package func rows(_ range: Range<Int>) -> BF16Matrix {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= self.rows,
            "rows \(range) of a \(self.rows) x \(self.columns) matrix")
        return BF16Matrix(start: self.start + range.lowerBound * self.columns, rows: range.count, columns: self.columns)
    }
}

/// The owner of a bfloat16 matrix's memory, zeroed, page-aligned.
package final class BF16Storage {
    private let memory: OwnedMemory
    /// The whole of it.
    package let matrix: BF16Matrix

    /// Reserves a matrix.
    ///
    /// - Throws: `invalidArgument` if the memory cannot be had; `purpose` says in the message what it was for.
    package init(rows: Int, columns: Int, purpose: String) throws(CPRSError) {
        self.memory = try OwnedMemory(elements: rows, each: columns * MemoryLayout<UInt16>.stride, purpose: purpose)
        let start = self.memory.base.bindMemory(to: UInt16.self, capacity: max(rows * columns, 1))
        self.matrix = BF16Matrix(start: start, rows: rows, columns: columns)
    }
}

extension OwnedMemory {
    /// Reserves `elements · each` bytes.
    ///
    /// - Throws: `invalidArgument` if that is no number or the system refuses.
    package convenience init(elements: Int, each bytes: Int, purpose: String) throws(CPRSError) {
        let (total, overflow) = elements.multipliedReportingOverflow(by: bytes)
        guard !overflow else {
            throw CPRSError(code: .invalidArgument, message: "no memory for \(purpose): \(elements) x \(bytes) bytes")
        }
        try self.init(byteCount: total, purpose: purpose)
    }
}
