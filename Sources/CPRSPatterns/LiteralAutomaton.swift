internal import CPRSCore

/// All literals in one automaton over bytes.
///
/// The edges of each state are kept sorted in one flat array, with failure links, rather than a full row per state:
/// memory is proportional to the literals' bytes, and a step costs O(log 256), amortised.
///
/// Source: Aho & Corasick 1975, doi:10.1145/360825.360855.
struct LiteralAutomaton: Sendable {
    static let root: Int32 = 0

    /// The root's successor for each byte, itself where it has no edge: 256.
    let fromRoot: [Int32]
    /// For each state, the length of the prefix that it stands for.
    let depths: [Int32]
    /// For each state, the length of the longest literal that ends there, or 0.
    let outputs: [Int32]
    private let failures: [Int32]
    /// State s has the edges `edgeStarts[s]..<edgeStarts[s + 1]`.
    private let edgeStarts: [Int32]
    private let edgeBytes: [UInt8]
    private let edgeTargets: [Int32]

    /// Builds the automaton; no literal may be empty.
    init(_ literals: [[UInt8]]) {
        let trie = LiteralTrie(literals)
        self.depths = trie.depths
        var starts: [Int32] = [0]
        var bytes: [UInt8] = []
        var targets: [Int32] = []
        for children in trie.children {
            for (byte, target) in children.sorted(by: { $0.key < $1.key }) {
                bytes.append(byte)
                targets.append(target)
            }
            starts.append(Int32(bytes.count))
        }
        self.edgeStarts = starts
        self.edgeBytes = bytes
        self.edgeTargets = targets
        self.fromRoot = (0...255).map { trie.children[0][UInt8($0)] ?? Self.root }
        (self.failures, self.outputs) = trie.links()
    }

    /// The state after `byte`.
    @inline(__always)
    func successor(of state: Int32, on byte: UInt8) -> Int32 {
        var state = state
        while state != Self.root {
            if let target = self.edge(from: state, on: byte) { return target }
            state = self.failures[Int(state)]
        }
        return self.fromRoot[Int(byte)]
    }

    @inline(__always)
    private func edge(from state: Int32, on byte: UInt8) -> Int32? {
        var low = Int(self.edgeStarts[Int(state)])
        let end = Int(self.edgeStarts[Int(state) + 1])
        var high = end
        while low < high {
            let middle = (low + high) / 2
            if self.edgeBytes[middle] < byte { low = middle + 1 } else { high = middle }
        }
        return low < end && self.edgeBytes[low] == byte ? self.edgeTargets[low] : nil
    }
}

/// The tree of the literals' prefixes, from which the automaton is built.
private struct LiteralTrie {
    var children: [[UInt8: Int32]] = [[:]]
    var depths: [Int32] = [0]
    private var ends: [Bool] = [false]

    init(_ literals: [[UInt8]]) {
        for literal in literals {
            var node = 0
            for byte in literal {
                if let child = self.children[node][byte] {
                    node = Int(child)
                    continue
                }
                let child = self.children.count
                self.children[node][byte] = Int32(child)
                self.children.append([:])
                self.depths.append(self.depths[node] + 1)
                self.ends.append(false)
                node = child
            }
            self.ends[node] = true
        }
    }

    /// For each node, the node of its longest proper suffix in the tree, and the longest literal that is a suffix.
    func links() -> (failures: [Int32], outputs: [Int32]) {
        var failures = [Int32](repeating: 0, count: self.children.count)
        var outputs = [Int32](repeating: 0, count: self.children.count)
        var queue: [Int32] = [0]
        var head = 0
        while head < queue.count {
            let node = Int(queue[head])
            head += 1
            // Shorter nodes come first, so the links of the suffix are known.
            outputs[node] = self.ends[node] ? self.depths[node] : outputs[Int(failures[node])]
            for (byte, child) in self.children[node] {
                queue.append(child)
                guard node != 0 else { continue }
                var suffix = Int(failures[node])
                while suffix != 0, self.children[suffix][byte] == nil { suffix = Int(failures[suffix]) }
                failures[Int(child)] = self.children[suffix][byte] ?? 0
            }
        }
        return (failures, outputs)
    }
}
