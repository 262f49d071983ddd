internal import Testing

/// Expects two arrays to agree within an absolute tolerance, and shows the worst element if they do not.
func expectClose(
    _ got: [Float], _ expected: [Float], tolerance: Float, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard got.count == expected.count else {
        Issue.record("\(what): \(got.count) values, expected \(expected.count)", sourceLocation: sourceLocation)
        return
    }
    // A NaN compares false with everything, so it counts as infinitely wrong.
    func distance(_ index: Int) -> Float {
        let distance = abs(got[index] - expected[index])
        return distance.isNaN ? .infinity : distance
    }
    guard let worst = got.indices.max(by: { distance($0) < distance($1) }) else { return }
    #expect(
        distance(worst) <= tolerance, "\(what): worst element \(worst): got \(got[worst]), expected \(expected[worst])",
        sourceLocation: sourceLocation)
}
