package import CPRSCore
internal import Glibc

/// A whole file, mapped read-only and shared, so that all processes that use a model share one copy in the page cache.
///
/// The mapping follows the file. Whoever replaces a model must write a new file and rename it over the old one, which
/// leaves running processes with the old contents. Overwriting the file in place changes results midway; truncating it
/// ends the process with SIGBUS at the next access beyond the new end. Nothing here can prevent either.
package final class MappedFile: TensorMemory, @unchecked Sendable {
    // Sendable: the pages are read-only and the address never changes.
    package let bytes: UnsafeRawBufferPointer
    /// The path as given, for messages.
    package let path: String

    /// Maps the file at `path`; reads none of it.
    ///
    /// - Throws: `notFound` if it cannot be opened, `modelUnusable` if it is empty or not a regular file.
    package init(path: String) throws(CPRSError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CPRSError(code: .notFound, message: "\(path): cannot be opened (\(String(cString: strerror(errno))))")
        }
        // The mapping keeps the file alive; the descriptor is not needed after it.
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw CPRSError(code: .modelUnusable, message: "\(path): not a regular file")
        }
        let length = Int(status.st_size)
        guard length > 0 else { throw CPRSError(code: .modelUnusable, message: "\(path): the file is empty") }
        let address = mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let address, address != MAP_FAILED else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(path): cannot map \(length) bytes (\(String(cString: strerror(errno))))")
        }
        self.bytes = UnsafeRawBufferPointer(start: address, count: length)
        self.path = path
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: self.bytes.baseAddress), self.bytes.count) }

    /// A small file's bytes, copied: for JSON.
    ///
    /// - Throws: as ``init(path:)``; `modelUnusable` if it is longer than `limit` bytes.
    package static func read(path: String, limit: Int) throws(CPRSError) -> [UInt8] {
        let file = try MappedFile(path: path)
        guard file.bytes.count <= limit else {
            throw CPRSError(
                code: .modelUnusable, message: "\(path): \(file.bytes.count) bytes; at most \(limit) are read")
        }
        return withExtendedLifetime(file) { Array(file.bytes) }
    }
}
