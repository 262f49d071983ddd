internal import ArgumentParser

@main
struct CPRS: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "cprs", abstract: "Compress a long context.")
}
