/// A safetensors file with this header text and so many data bytes, which count up from 0.
func safetensors(_ header: String, dataBytes: Int, headerLength: UInt64? = nil) -> [UInt8] {
    let length = headerLength ?? UInt64(header.utf8.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> UInt64(8 * $0)) } + Array(header.utf8)
        + (0..<dataBytes).map { UInt8(truncatingIfNeeded: $0) }
}
