/// First in, first out, with O(1) access to every waiting element.
struct Queue<Element: Sendable>: Sendable {
    private var elements: [Element] = []
    private var head = 0

    var count: Int { self.elements.count - self.head }

    subscript(index: Int) -> Element { self.elements[self.head + index] }

    mutating func append(_ new: some Sequence<Element>) { self.elements.append(contentsOf: new) }

    /// Takes out the first `count` elements.
    mutating func removeFirst(_ count: Int) -> [Element] {
        let taken = Array(self.elements[self.head..<self.head + count])
        self.skip(count)
        return taken
    }

    /// Drops the first `count` elements; storage is given up once half of it is behind the head, so O(1) each.
    mutating func skip(_ count: Int) {
        self.head += count
        guard self.head * 2 >= self.elements.count else { return }
        self.elements.removeFirst(self.head)
        self.head = 0
    }
}
