internal import CPRSClient

// The client library and the engine call the same things by the same names. These are the library's.
typealias DaemonRequest = CompressionRequest
typealias DaemonSelection = Selection
typealias DaemonDecision = Decision
typealias DaemonSummary = Summary
