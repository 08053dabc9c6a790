import Testing

/// Who may import whom: the table of docs/ARCHITECTURE.md.
@Suite struct RoomTests {
    static let allowed: [String: Set<String>] = [
        "Encoding": ["CLZ4", "CSnappy", "CZlib", "CZstd", "CKernels", "Glibc"],
        "Platform": [
            "CSocket", "CMemory", "NIO", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOConcurrencyHelpers",
            "NIOSSL", "Foundation", "FoundationEssentials", "Glibc",
        ],
        "Raft": ["CEtcdRaft"],
        "Model": ["Encoding", "CRE2"],
        "Replication": ["Raft", "Encoding", "Platform"],
        "Ingest": ["Model", "Encoding", "Platform", "NIOCore", "Yams"],
        "Storage": ["Model", "Encoding", "Platform"],
        "Query": ["Encoding", "Model"],
        "Cluster": ["Replication", "Raft", "Storage", "Model", "Encoding", "Platform"],
        "Server": [
            "Cluster", "Ingest", "Query", "Model", "Encoding", "Platform", "Hummingbird",
            "HummingbirdCore", "HTTPTypes", "NIOHTTPTypes", "NIOCore", "NIOPosix",
            "ServiceLifecycle", "Logging", "Yams", "Foundation", "FoundationEssentials",
        ],
        "varve": [
            "Server", "Cluster", "Query", "Model", "Platform", "ArgumentParser", "TOMLKit",
            "Logging",
            "Foundation", "FoundationEssentials",
        ],
    ]
    static let languageModules: Set<String> = ["Synchronization"]
    static let shims: Set<String> = [
        "CLZ4", "CSQLite", "CSnappy", "CZlib", "CZstd", "CKernels", "CSocket", "CMemory", "CRE2",
        "CEtcdRaft",
    ]

    @Test(arguments: SourceTree.sources)
    func importsOnlyWhatItsRoomMay(file: SourceFile) throws {
        guard !Self.shims.contains(file.room) else { return }
        var allowed = try #require(Self.allowed[file.room], "\(file.room) is not a room")
        // SQLite stands behind one door.
        if file.path.hasPrefix("Sources/Storage/Index/") {
            allowed.insert("CSQLite")
        }
        // The C library's pure mathematics, and nothing else of it.
        if file.path == "Sources/Query/PromQL/FloatMath.swift" { allowed.insert("Glibc") }
        for (number, line) in file.lines.enumerated() {
            guard let module = importedModule(line) else { continue }
            #expect(
                allowed.contains(module) || Self.languageModules.contains(module),
                "\(file.path):\(number + 1) imports \(module)")
        }
    }

    @Test func everyRoomExists() {
        for room in Self.allowed.keys.sorted() {
            #expect(SourceTree.sources.contains { $0.room == room }, "\(room) is empty")
        }
    }

    private func importedModule(_ line: Substring) -> String? {
        let words = line.split(separator: " ")
        guard let place = words.firstIndex(of: "import"), place <= 2,
            words[..<place].allSatisfy({
                ["internal", "package", "private", "public", "@preconcurrency", "fileprivate"]
                    .contains($0)
            }), place + 1 < words.count
        else { return nil }
        let kinds: Set<Substring> = ["struct", "class", "enum", "func", "protocol", "var"]
        let name = kinds.contains(words[place + 1]) ? words[place + 2] : words[place + 1]
        return name.split(separator: ".").first.map(String.init)
    }
}
