/// Something that must hold for any bytes at all: no trap, no endless loop, and the target's own promises.
package struct FuzzTarget: Sendable, CustomStringConvertible {
    /// Its name on the command line and of its folder in `Corpus`.
    package let name: String
    /// Checks one input.
    ///
    /// - Throws: ``Violation`` if a promise is broken. Refusing the input is no violation.
    package let check: @Sendable (_ input: [UInt8]) throws -> Void

    package var description: String { self.name }

    /// All targets, those that read what strangers send first.
    package static let all: [FuzzTarget] = [
        .session, .text, .patterns, .units, .spans, .tokenizerFile, .merges, .packedTokenizer, .packedModel,
        .safetensors, .shardIndex, .config, .json,
    ]

    /// The target of that name, or nil.
    package static func named(_ name: String) -> FuzzTarget? { self.all.first { $0.name == name } }
}

/// A promise that an input broke.
package struct Violation: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Throws a ``Violation`` unless `condition` holds.
func require(_ condition: Bool, _ promise: @autoclosure () -> String) throws {
    if !condition { throw Violation("broken: \(promise())") }
}
