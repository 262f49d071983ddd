internal import CCPRSKernels

extension Kernels {
    /// Runs the instructions that products of `precision` multiply and add with, on operands in registers, on the
    /// calling thread.
    ///
    /// - Parameter rounds: for each of a dozen or two independent sums.
    /// - Returns: operations done, a multiplication and an addition counted as two; 0 where `instructions` has no such
    ///   measurement.
    package static func runInRegisters(_ precision: Precision, rounds: Int, instructions: InstructionSet) -> Int {
        switch precision {
        case .f32: Int(cprs_peak_f32(instructions.code, rounds))
        case .bf16: Int(cprs_peak_bf16(instructions.code, rounds))
        case .int8: Int(cprs_peak_int8(instructions.code, rounds))
        }
    }
}
