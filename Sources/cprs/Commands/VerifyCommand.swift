internal import ArgumentParser
internal import CPRSCore
internal import CPRSWire

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check a receipt of `cprs compress --receipt` against the texts.",
        discussion: """
            Needs neither the model nor the daemon. Prints what matches; exit code 1 if something does not.

              cprs compress book.txt --query "Who is Irene Adler?" --receipt r.json > kept.txt
              cprs verify r.json --input book.txt --output kept.txt
            """)

    @Argument(help: "The receipt.")
    var receipt: String

    @Option(help: ArgumentHelp("The text that was compressed; - for standard input.", valueName: "file"))
    var input: String?

    @Option(help: ArgumentHelp("What was kept, as --format text writes it to a file or pipe.", valueName: "file"))
    var output: String?

    func run() throws {
        guard self.input != nil || self.output != nil else {
            throw CPRSError(code: .invalidArgument, message: "name what to check: --input, --output or both")
        }
        let receipt = try Receipt(json: Self.read(self.receipt), name: self.receipt)
        var matches = true
        for (what, path, expected) in [("input", self.input, receipt.input), ("output", self.output, receipt.kept)] {
            guard let path else { continue }
            matches = try Self.check(what, path, expected) && matches
        }
        Console.write("model   \(receipt.model.name), SHA-256 \(receipt.model.sha256)\n")
        Console.flush()
        if !matches { throw ExitCode(1) }
    }

    private static func check(_ what: String, _ path: String, _ expected: Receipt.Text) throws(CPRSError) -> Bool {
        let source = try ContextSource(path: path, isHashed: true)
        var bytes = 0
        while let chunk = try source.next() {
            bytes += chunk.count
            source.release(before: bytes)
        }
        let matches = bytes == expected.bytes && source.sha256 == expected.sha256
        let label = what == "input" ? "input  " : "output "
        if matches {
            Console.write("\(label) matches: \(source.name), \(bytes) bytes\n")
        } else {
            Console.write(
                "\(label) DIFFERS: \(source.name) has \(bytes) bytes, SHA-256 "
                    + "\(Hexadecimal.digits(source.sha256 ?? [])); the receipt says \(expected.bytes) bytes, "
                    + "\(Hexadecimal.digits(expected.sha256))\n")
        }
        return matches
    }

    private static func read(_ path: String) throws(CPRSError) -> [UInt8] {
        let source = try ContextSource(path: path)
        var bytes: [UInt8] = []
        while let chunk = try source.next() {
            bytes += chunk
            guard bytes.count <= 1 << 20 else {
                throw CPRSError(code: .invalidText, message: "\(path): is longer than any receipt (1 MiB)")
            }
        }
        return bytes
    }
}
