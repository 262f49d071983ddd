package import CPRSCore

/// A view of a row-major float32 matrix; copying it copies no elements and keeps no memory alive.
///
/// A view of a mapped tensor is read-only memory: pass it as an input only.
package struct Matrix {
    let start: UnsafeMutablePointer<Float>
    /// Number of rows.
    package let rows: Int
    /// Number of columns.
    package let columns: Int
    /// Distance between rows, in elements.
    package let stride: Int

    init(start: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
        self.start = start
        self.rows = rows
        self.columns = columns
        self.stride = stride
    }

    /// The part with these rows and columns.
    package func block(rows: Range<Int>, columns: Range<Int>) -> Matrix {
        precondition(
            rows.lowerBound >= 0 && rows.upperBound <= self.rows && columns.lowerBound >= 0
                && columns.upperBound <= self.columns,
            "rows \(rows), columns \(columns) of a \(self.rows) x \(self.columns) matrix")
        let start = self.start + rows.lowerBound * self.stride + columns.lowerBound
        return Matrix(start: start, rows: rows.count, columns: columns.count, stride: self.stride)
    }

    /// All columns of these rows.
    package func rows(_ range: Range<Int>) -> Matrix { self.block(rows: range, columns: 0..<self.columns) }
    /// All rows of these columns.
    package func columns(_ range: Range<Int>) -> Matrix { self.block(rows: 0..<self.rows, columns: range) }

    /// The same memory seen as a contiguous matrix of another, not larger, shape.
    package func reshaped(rows: Int, columns: Int) -> Matrix {
        precondition(
            self.stride == self.columns && rows * columns <= self.rows * self.columns,
            "\(self.rows) x \(self.columns) as \(rows) x \(columns)")
        return Matrix(start: self.start, rows: rows, columns: columns, stride: columns)
    }

    /// One element.
    package subscript(row: Int, column: Int) -> Float {
        get {
            precondition((0..<self.rows).contains(row) && (0..<self.columns).contains(column))
            return self.start[row * self.stride + column]
        }
        nonmutating set {
            precondition((0..<self.rows).contains(row) && (0..<self.columns).contains(column))
            self.start[row * self.stride + column] = newValue
        }
    }

    /// All elements in row order, in a new array.
    package func elements() -> [Float] {
        var all: [Float] = []
        all.reserveCapacity(self.rows * self.columns)
        for row in 0..<self.rows {
            all.append(contentsOf: UnsafeBufferPointer(start: self.start + row * self.stride, count: self.columns))
        }
        return all
    }

    /// Copies `values`, in row order, into the matrix.
    package func fill(from values: [Float]) {
        precondition(values.count == self.rows * self.columns, "\(values.count) values")
        for row in 0..<self.rows {
            for column in 0..<self.columns {
                self.start[row * self.stride + column] = values[row * self.columns + column]
            }
        }
    }

    /// Copies another matrix of the same shape.
    package func copy(from other: Matrix) {
        precondition(other.rows == self.rows && other.columns == self.columns)
        for row in 0..<self.rows {
            (self.start + row * self.stride).update(from: other.start + row * other.stride, count: self.columns)
        }
    }

    /// Sets every element to `value`.
    package func fill(with value: Float) {
        for row in 0..<self.rows { (self.start + row * self.stride).update(repeating: value, count: self.columns) }
    }
}

/// The owner of a matrix's memory, zeroed, page-aligned.
package final class MatrixStorage {
    private let memory: OwnedMemory
    /// The whole of it, contiguous.
    package let matrix: Matrix

    /// Reserves a matrix.
    ///
    /// - Throws: `invalidArgument` if the memory cannot be had.
    package init(rows: Int, columns: Int, purpose: String) throws(CPRSError) {
        let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
        let (bytes, carry) = count.multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
        guard !overflow, !carry, rows >= 0, columns >= 0 else {
            throw CPRSError(code: .invalidArgument, message: "no memory for \(purpose): \(rows) x \(columns) floats")
        }
        self.memory = try OwnedMemory(byteCount: bytes, purpose: purpose)
        let start = self.memory.base.bindMemory(to: Float.self, capacity: max(count, 1))
        self.matrix = Matrix(start: start, rows: rows, columns: columns, stride: columns)
    }
}

extension MatrixStorage {
    /// A small tensor as float32: `[N]` becomes `[1, N]`.
    ///
    /// - Throws: `invalidArgument` if the memory cannot be had.
    package convenience init(widening tensor: TensorView) throws(CPRSError) {
        precondition((1...2).contains(tensor.shape.count), "\(tensor.name): \(tensor.shape)")
        let rows = tensor.shape.count == 1 ? 1 : tensor.shape[0]
        try self.init(rows: rows, columns: tensor.shape[tensor.shape.count - 1], purpose: tensor.name)
        self.matrix.fill(from: tensor.floats())
    }

    /// Small tensors as float32: a single one as ``init(widening:)``, several end to end as `[1, N]`.
    ///
    /// - Throws: `invalidArgument` if the memory cannot be had.
    package convenience init(joining tensors: [TensorView]) throws(CPRSError) {
        if tensors.count == 1 {
            try self.init(widening: tensors[0])
        } else {
            let values = tensors.flatMap { $0.floats() }
            try self.init(
                rows: 1, columns: values.count, purpose: tensors.map(\.name).joined(separator: " and "))
            self.matrix.fill(from: values)
        }
    }
}
