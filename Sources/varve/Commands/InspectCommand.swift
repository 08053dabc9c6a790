internal import ArgumentParser
internal import Cluster
internal import Platform
internal import Server

/// `varve inspect`: the segments of a data directory, their sizes, and whether every block is
/// what was written.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "List and verify the segments of a data directory.",
        discussion: """
            Reads only; a server may run on the directory. Exit status: 0 all is well, 1 no \
            segments, 2 damage or an error.
            """)

    @Argument(help: "The data directory.") var directory: String = "./data"
    @Flag(help: "Read every block and check its checksum.") var verify = false
    @Flag(help: "Only sums per kind.") var summary = false

    mutating func run() async throws {
        try await CommandExit.run { try inspect() }
    }

    private func inspect() throws -> Bool {
        let disk = try LocalDisk(root: directory)
        let inspection = try DataInspection(disk: disk)
        guard !inspection.segments.isEmpty else {
            Terminal.print(["no segments yet: what is there is in the journal"])
            return false
        }
        if !summary { printSegments(inspection) }
        printSums(inspection)
        guard verify else { return true }
        let total = inspection.segments.count
        let damages = inspection.verify { done in
            guard TerminalFacts.isTerminal(.error) else { return }
            let text = "\rverified \(done) of \(total) segments\(done == total ? "\n" : "")"
            _ = TerminalFacts.write(Array(text.utf8), to: .error)
        }
        for damage in damages { Terminal.complain("\(damage.file): \(damage.reason)") }
        if !damages.isEmpty { throw ExitCode(2) }
        Terminal.print(["\(total) segments verified, no damage"])
        return total > 0
    }

    private func printSegments(_ inspection: DataInspection) {
        var table = TextTable([
            ("SHARD", .right), ("KIND", .left), ("LEVEL", .right), ("FROM", .left),
            ("TO", .left), ("SERIES", .right), ("ITEMS", .right), ("DATA", .right),
            ("INDEX", .right), ("NAME", .left),
        ])
        for segment in inspection.segments {
            table.add([
                "\(segment.shard)", segment.kind, "\(segment.level)",
                TimeText.format(nanos: segment.startNanos, decimals: 0),
                TimeText.format(nanos: segment.endNanos, decimals: 0),
                "\(segment.seriesCount)", "\(segment.itemCount)",
                ByteCountText.format(segment.dataByteCount),
                ByteCountText.format(segment.indexByteCount), segment.name,
            ])
        }
        Terminal.print(table.lines)
    }

    private func printSums(_ inspection: DataInspection) {
        for kind in ["metric", "log"] {
            let segments = inspection.segments.filter { $0.kind == kind }
            guard !segments.isEmpty else { continue }
            let items = segments.reduce(0) { $0 + $1.itemCount }
            let data = segments.reduce(0) { $0 + $1.dataByteCount }
            let index = segments.reduce(0) { $0 + $1.indexByteCount }
            let raw = segments.reduce(0) { $0 + $1.rawByteCount }
            var line =
                "\(kind): \(segments.count) segments, \(items) items, "
                + "\(ByteCountText.format(data)) data, \(ByteCountText.format(index)) index"
            if kind == "metric", items > 0 {
                let share = Double(data + index) / Double(items)
                let size =
                    share < 1_024
                    ? "\(NumberText.short(share)) B" : ByteCountText.format(Int(share))
                line += ", \(size) per sample"
            } else if data + index > 0 {
                line += ", \(NumberText.short(Double(raw) / Double(data + index)))× smaller"
            }
            Terminal.print([line])
        }
    }
}
