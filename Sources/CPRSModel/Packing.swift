internal import CPRSCore
package import CPRSTensors

/// How a model's linear layers are packed: all in one way, but for some that are held in bf16.
package struct Packing: Hashable, Sendable {
    /// How one matrix is packed.
    package struct Recipe: Hashable, Sendable {
        /// bf16 or int8.
        package var precision: Precision
        /// int8: inputs that share a scale, a multiple of 16; 0 if all inputs of an output do.
        package var group: Int

        package init(precision: Precision, group: Int = 0) {
            self.precision = precision
            self.group = group
        }

        /// Largest group; far above every model's inputs.
        static let maxGroup = 1 << 24

        /// - Throws: `invalidArgument` naming what is out of range.
        func check() throws(CPRSError) {
            func failure(_ message: String) -> CPRSError { CPRSError(code: .invalidArgument, message: message) }
            guard self.precision != .f32 else { throw failure("precision must be bf16 or int8 (got f32)") }
            guard (0...Self.maxGroup).contains(self.group), self.group.isMultiple(of: 16) else {
                throw failure("group must be a multiple of 16, or 0 for none (got \(self.group))")
            }
            guard self.precision == .int8 || self.group == 0 else {
                throw failure("bf16 has no groups (got \(self.group))")
            }
        }
    }

    /// The recipe of all matrices but those of `bf16`.
    package var recipe: Recipe
    /// Matrices of an int8 model that are held in bf16: `layers.5.down`, all of `layers.5`, or `down` in every layer.
    /// Those that the model's config names join them.
    package var bf16: [String]

    package init(_ precision: Precision, group: Int = 0, bf16: [String] = []) {
        self.recipe = Recipe(precision: precision, group: group)
        self.bf16 = bf16
    }

    /// How the matrix of that name is packed.
    func recipe(of name: String) -> Recipe {
        self.bf16.contains { Self.matches(name, $0) } ? Recipe(precision: .bf16) : self.recipe
    }

    private static func matches(_ name: String, _ part: String) -> Bool {
        name == part || name.hasPrefix(part + ".") || name.hasSuffix("." + part)
    }

    /// - Throws: `invalidArgument` if `bf16` names what is not among the matrices that there are.
    func check(_ names: [String]) throws(CPRSError) {
        guard let unknown = self.bf16.first(where: { part in !names.contains { Self.matches($0, part) } }) else {
            return
        }
        let message = "no matrix is called \(unknown); there are \(names.joined(separator: ", "))"
        throw CPRSError(code: .invalidArgument, message: message)
    }
}
